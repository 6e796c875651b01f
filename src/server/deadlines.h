// A connection's two deadlines, one for each direction, on one timer. They move with almost every
// byte, so moving one is a store: the timer fires at the earlier of them or before, and whom it
// wakes for nothing calls Rearm. Worker-thread only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "sluice/event/timer_wheel.h"

namespace sluice::server {

// Times are the loop's (Loop::NowMs).
class Deadlines {
 public:
  explicit Deadlines(event::TimerWheel::Handler& handler) : timer_(handler) {}

  void SetRead(event::TimerWheel& wheel, uint64_t at_ms) {
    read_ms_ = at_ms;
    wheel.ArmBy(timer_, at_ms);
  }
  void SetWrite(event::TimerWheel& wheel, uint64_t at_ms) {
    write_ms_ = at_ms;
    wheel.ArmBy(timer_, at_ms);
  }
  void ClearRead() { read_ms_ = kNever; }
  void ClearWrite() { write_ms_ = kNever; }
  // Nothing fires any more.
  void Clear() {
    ClearRead();
    ClearWrite();
    timer_.Cancel();
  }

  [[nodiscard]] bool has_write() const { return write_ms_ != kNever; }
  [[nodiscard]] bool ReadIsOver(uint64_t now_ms) const { return now_ms >= read_ms_; }
  [[nodiscard]] bool WriteIsOver(uint64_t now_ms) const { return now_ms >= write_ms_; }
  // After the timer has fired, for what is not over.
  void Rearm(event::TimerWheel& wheel) {
    const uint64_t next = std::min(read_ms_, write_ms_);
    if (next != kNever) wheel.ArmBy(timer_, next);
  }

 private:
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

  event::TimerWheel::Node timer_;
  uint64_t read_ms_ = kNever;
  uint64_t write_ms_ = kNever;
};

}  // namespace sluice::server
