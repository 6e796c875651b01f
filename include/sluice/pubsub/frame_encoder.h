// Turns messages into frames, and says in-band what a subscriber may have missed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/base/result.h"
#include "sluice/pubsub/frame.h"
#include "sluice/pubsub/message.h"

namespace sluice::pubsub {

// Where an event stands in its topic. Without an id of its publisher's its id is
// `<epoch>.<sequence>`.
struct FramePlace {
  std::string_view epoch;
  uint64_t sequence = 0;
  uint64_t received_ns = 0;
};

// The id of the event at that place.
[[nodiscard]] std::string PlaceId(std::string_view epoch, uint64_t sequence);

// A sluice.expired event for one subscriber, with the id that it may resume from.
[[nodiscard]] std::string ExpiredBody(std::string_view topic, std::string_view id);

// Keeps a buffer from one frame to the next. One thread.
class FrameEncoder {
 public:
  // Takes the message's filter fields. Fails (kInvalid, kLimit) if its event name or id is not
  // valid: those of a decoded message are; a publisher's own may not be.
  [[nodiscard]] Result<FrameRef> Make(Message&& message, const FramePlace& place);

  // A sluice.gap event for all of the topic's subscribers: see GapBody.
  [[nodiscard]] FrameRef MakeGap(std::string_view topic, std::string_view reason,
                                 std::string_view last_id, const FramePlace& place);

 private:
  // What is kept of the buffer after a big frame.
  static constexpr size_t kKeepBytes = size_t{256} * 1024;

  std::string body_;
};

// A sluice.gap event for one subscriber, as the bytes of a whole event:
//
//   id: k3x9.42\nevent: sluice.gap\ndata: {"topic":"news","reason":"slow","last_id":"k3x9.17"}\n\n
//
// `id` is what the client sends back when it reconnects; empty leaves the line out, and the client
// keeps the id that it has. `last_id` comes from the client, so it may be anything: at most 128
// bytes of it are told, ill-formed UTF-8 as U+FFFD. Any thread.
[[nodiscard]] std::string GapBody(std::string_view topic, std::string_view reason,
                                  std::string_view last_id, std::string_view id);

}  // namespace sluice::pubsub
