// One SSE connection: a cursor into its topic's ring, not a queue. Worker thread only.
//
// While it is caught up it has no state of its own: its lane sends for it. Once the kernel takes
// less than all of a write it is *behind*: it has a position in the ring, a byte offset into one
// frame, and goes on by itself when the socket can be written, until it has caught up with its lane
// again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/base/place_table.h"
#include "sluice/event/loop.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/net/stream.h"
#include "sluice/pubsub/frame.h"
#include "sluice/pubsub/stats.h"

namespace sluice::pubsub {

class Lane;
class Subscriber;

// Ends a stream when its token's time is over. Only streams with such a token have one.
class Deadline final : private event::TimerWheel::Handler {
 public:
  Deadline(Subscriber& subscriber, std::function<void()> on_expired)
      : subscriber_(subscriber), on_expired_(std::move(on_expired)) {}

  void Arm(event::TimerWheel& timers, uint64_t delay_ms) { timers.Arm(node_, delay_ms); }

 private:
  void OnTimeout(event::TimerWheel::Node& node) override;

  Subscriber& subscriber_;
  std::function<void()> on_expired_;
  event::TimerWheel::Node node_{*this};
};

class Subscriber final : public net::StreamHandler, public event::Deferred {
 public:
  Subscriber(std::unique_ptr<net::Stream> stream, uint64_t connection_id, uint64_t opened_ms);

  // Starts behind, with bytes of its own (the response head) before the frame at `cursor`.
  // REQUIRES: it was added to `lane`.
  void Start(Lane& lane, std::string first_bytes, uint64_t cursor);

  // Sends what the kernel takes, up to the lane's limit; joins the lane when it has caught up. May
  // close the subscriber: do not touch it after.
  void Pump();

  // Tells it that it may have missed events after `last_id`, before the next frame it gets.
  // REQUIRES: it is behind, and its cursor is where it goes on.
  void TellGap(GapReason reason, std::string_view last_id);

  // Bytes for it alone, whole chunks, sent before the next frame. The only place where private
  // bytes enter a stream. REQUIRES: it is behind.
  void AppendPrivate(std::string_view bytes);

  // Drops what is waiting and goes on from `cursor`. A frame that was begun is finished first.
  // REQUIRES: it is behind.
  void SkipTo(uint64_t cursor) {
    cursor_ = cursor;
    replaying_ = false;
  }

  // Closes the connection now; no callback comes after.
  void CloseStream() {
    stream_.reset();
    place_ = Place();
    deadline_.reset();
  }

  // Ends the stream cleanly, for this reason, once everything private is sent. REQUIRES: it is
  // behind.
  void FinishAfterPrivate(CloseReason reason);

  // Tells it that its token has expired, and ends the stream cleanly.
  void Expire();
  void Hold(Place place) { place_ = std::move(place); }
  void SetDeadline(std::unique_ptr<Deadline> deadline) { deadline_ = std::move(deadline); }

  // net::StreamHandler
  void OnData(std::string_view) override {}  // an SSE client has nothing to say
  void OnEnd() override;
  void OnWritable() override;
  void OnClosed(int error) override;

  [[nodiscard]] Lane& lane() const { return *lane_; }
  [[nodiscard]] net::Stream& stream() const { return *stream_; }
  [[nodiscard]] uint64_t connection_id() const { return connection_id_; }
  [[nodiscard]] uint64_t opened_ms() const { return uint64_t{opened_ds_} * 100; }
  [[nodiscard]] uint64_t cursor() const { return cursor_; }
  [[nodiscard]] bool behind() const { return behind_; }
  [[nodiscard]] bool blocked() const { return blocked_; }
  [[nodiscard]] uint64_t events() const { return events_; }  // complete after Lane::Remove
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  // Of the last frame that it got whole.
  [[nodiscard]] uint64_t last_sequence() const { return cursor_ - (partial_ ? 2 : 1); }
  [[nodiscard]] bool finishing() const { return finishing_; }
  [[nodiscard]] bool owes_gap() const { return owes_gap_; }

 private:
  friend class Lane;

  void Consume(size_t taken);
  void SetBlocked(bool blocked);

  Lane* lane_ = nullptr;
  std::unique_ptr<net::Stream> stream_;
  Place place_;
  FrameRef partial_;                      // begun and not finished
  std::unique_ptr<std::string> private_;  // not sent yet
  std::unique_ptr<Deadline> deadline_;
  uint64_t cursor_ = 0;  // next frame, while behind
  uint64_t connection_id_;
  // What was sent to it. While it is caught up, its lane's totals at its join are taken off these
  // (modulo 2^64), and those at its leaving are added: so a delivery touches nothing here.
  uint64_t events_ = 0;
  uint64_t bytes_ = 0;
  uint32_t opened_ds_;  // deciseconds on the loop's clock: 13 years fit
  uint32_t partial_offset_ = 0;
  uint32_t private_offset_ = 0;
  uint32_t index_ = 0;  // in the lane's entries or its list of those behind
  bool behind_ = true;
  bool blocked_ = false;
  bool replaying_ = false;  // events that were there when it came, which it has not got yet
  bool finishing_ = false;
  CloseReason finish_reason_ = CloseReason::kDrained;
  bool waiting_ = false;   // in its lane's list of those that wait for the pass to end
  bool owes_gap_ = false;  // a gap is among the private bytes: do not tell it twice
};

}  // namespace sluice::pubsub
