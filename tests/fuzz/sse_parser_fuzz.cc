// Whatever bytes a server sends, in whatever pieces, we see the events that a browser would see.
//
// Input: a byte that says how large the pieces are, and the stream.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../support/sse_decoder.h"
#include "sluice/sse/parser.h"

namespace {

using sluice::testing::SseDecoder;
using sluice::testing::SseEvent;

void Require(bool holds) {
  if (!holds) std::abort();
}

struct Received : sluice::sse::ParserHandler {
  void OnEvent(const sluice::sse::ReceivedEvent& event) override {
    events.push_back(
        {std::string(event.type), std::string(event.data), std::string(event.last_event_id)});
  }
  void OnRetry(uint32_t ms) override { retry_ms = ms; }
  void OnComment(std::string_view text) override { comment_bytes += text.size(); }

  std::vector<SseEvent> events;
  std::optional<uint64_t> retry_ms;
  size_t comment_bytes = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const size_t piece_size = size_t{bytes[0]} + 1;
  const std::string_view stream(reinterpret_cast<const char*>(bytes) + 1, size - 1);

  SseDecoder expected;
  expected.Feed(stream);

  Received received;
  sluice::sse::Parser parser(received);
  Received bounded;
  sluice::sse::Parser small(bounded, 32);
  bool small_lives = true;
  for (size_t at = 0; at < stream.size(); at += piece_size) {
    // A copy of exactly this size: a sanitizer sees whoever reads past it or keeps it.
    const std::string_view part = stream.substr(at, piece_size);
    const std::vector<char> piece(part.begin(), part.end());
    Require(parser.Feed({piece.data(), piece.size()}).has_value());
    small_lives = small_lives && small.Feed({piece.data(), piece.size()}).has_value();
  }
  Require(received.events == expected.events());
  Require(parser.last_event_id() == expected.last_event_id());
  std::optional<uint64_t> retry_ms = expected.retry_ms();
  if (retry_ms) retry_ms = std::min<uint64_t>(*retry_ms, sluice::sse::kMaxRetryMs);
  Require(received.retry_ms == retry_ms);
  for (const SseEvent& event : bounded.events) Require(event.data.size() < 32);
  Require(bounded.events.size() <= received.events.size());
  Require(!small_lives || bounded.events == received.events);
  return 0;
}
