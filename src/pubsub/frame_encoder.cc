#include "sluice/pubsub/frame_encoder.h"

#include <cassert>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "sluice/base/json_string.h"
#include "sluice/base/memory.h"
#include "sluice/base/utf8.h"
#include "sluice/sse/encoder.h"

namespace sluice::pubsub {
namespace {

constexpr size_t kMaxLastIdBytes = 128;

void AppendId(std::string& out, std::string_view id) {
  if (id.empty()) return;
  out += "id: ";
  out += id;
  out += '\n';
}

// One of Sluice's own events.
void AppendNamed(std::string& out, std::string_view name, std::string_view data) {
  const auto done = sse::AppendEvent(out, {.name = name, .data = data, .retry_ms = std::nullopt});
  assert(done.has_value());
  static_cast<void>(done);
}

void AppendGap(std::string& out, std::string_view topic, std::string_view reason,
               std::string_view last_id) {
  std::string data = "{\"topic\":";
  AppendJsonString(data, topic);
  data += ",\"reason\":";
  AppendJsonString(data, reason);
  data += ",\"last_id\":";
  AppendJsonString(data, CutUtf8(last_id, kMaxLastIdBytes));
  data += '}';
  AppendNamed(out, "sluice.gap", data);
}

}  // namespace

std::string PlaceId(std::string_view epoch, uint64_t sequence) {
  return fmt::format("{}.{}", epoch, sequence);
}

Result<FrameRef> FrameEncoder::Make(Message&& message, const FramePlace& place) {
  if (!message.id.empty() && !sse::IsValidId(message.id)) {
    return Fail(Errc::kInvalid, "id is not 1 to 128 of A-Z a-z 0-9 . _ : -");
  }
  body_.clear();
  const auto done = sse::AppendEvent(
      body_, {.name = message.event, .data = message.data, .retry_ms = message.retry_ms});
  if (!done) return tl::unexpected<Error>(done.error());
  const std::string own_id = message.id.empty() ? PlaceId(place.epoch, place.sequence) : "";
  FrameRef frame = Frame::Make({.id = message.id.empty() ? own_id : message.id,
                                .body = body_,
                                .sequence = place.sequence,
                                .received_ns = place.received_ns,
                                .gap = false,
                                .fields = std::move(message.fields)});
  if (body_.capacity() > kKeepBytes) Release(body_);
  return frame;
}

FrameRef FrameEncoder::MakeGap(std::string_view topic, std::string_view reason,
                               std::string_view last_id, const FramePlace& place) {
  body_.clear();
  AppendGap(body_, topic, reason, last_id);
  return Frame::Make({.id = PlaceId(place.epoch, place.sequence),
                      .body = body_,
                      .sequence = place.sequence,
                      .received_ns = place.received_ns,
                      .gap = true,
                      .fields = {}});
}

std::string GapBody(std::string_view topic, std::string_view reason, std::string_view last_id,
                    std::string_view id) {
  std::string out;
  AppendId(out, id);
  AppendGap(out, topic, reason, last_id);
  return out;
}

std::string ExpiredBody(std::string_view topic, std::string_view id) {
  std::string out;
  AppendId(out, id);
  std::string data = "{\"topic\":";
  AppendJsonString(data, topic);
  data += '}';
  AppendNamed(out, "sluice.expired", data);
  return out;
}

}  // namespace sluice::pubsub
