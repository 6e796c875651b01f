// Whatever bytes are sent as an event, a client must see that event and nothing else.
//
// Input: a byte that says what to do, the length of the event name, the name, the data.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../support/sse_decoder.h"
#include "sluice/base/utf8.h"
#include "sluice/sse/encoder.h"

namespace {

using sluice::testing::DecodeUtf8;
using sluice::testing::NormalizeLineEnds;
using sluice::testing::SseDecoder;
using sluice::testing::SseEvent;

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckEvent(std::string_view name, std::string_view data, std::optional<uint32_t> retry_ms) {
  std::string out = ": before\n\n";
  const size_t before = out.size();
  if (!sluice::sse::AppendEvent(out, {.name = name, .data = data, .retry_ms = retry_ms})) {
    Require(!sluice::sse::IsValidEventName(name));
    Require(out.size() == before);
    return;
  }
  Require(sluice::sse::IsValidEventName(name));
  Require(sluice::IsValidUtf8(out));
  SseDecoder decoder;
  decoder.Feed(out);
  const SseEvent expected{name.empty() ? "message" : std::string(name),
                          DecodeUtf8(NormalizeLineEnds(data)), ""};
  Require(decoder.events() == std::vector{expected});
  Require(decoder.at_boundary());
  Require(decoder.comments().size() == 1);
  Require(decoder.unknown_fields().empty());
  Require(decoder.retry_ms() == retry_ms);
}

void CheckComment(std::string_view text) {
  std::string out;
  sluice::sse::AppendComment(out, text);
  SseDecoder decoder;
  decoder.Feed(out);
  Require(decoder.events().empty());
  Require(decoder.at_boundary());
  Require(decoder.unknown_fields().empty());
  Require(decoder.last_event_id().empty());
  Require(!decoder.retry_ms());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(bytes), size);
  if (input.size() < 2) return 0;
  const uint8_t options = bytes[0];
  const size_t name_size = bytes[1];
  input.remove_prefix(2);
  const std::string_view name = input.substr(0, name_size);
  const std::string_view data = input.substr(name.size());
  const bool with_retry = (options & 1U) != 0;
  CheckEvent(name, data, with_retry ? std::optional<uint32_t>(options * 1000U) : std::nullopt);
  CheckComment(data);
  Require(sluice::IsValidUtf8(data) == (DecodeUtf8(data) == data));
  return 0;
}
