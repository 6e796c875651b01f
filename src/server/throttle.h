// How fast an answer may go (limit_rate, X-Accel-Limit-Rate): bytes are held until there is credit
// for them, which grows with time. What is not used is not saved up for long, so that neither a
// source that was silent nor a clock that jumps makes a burst. Worker-thread only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::server {

class Throttle {
 public:
  // When to look again.
  static constexpr uint64_t kTickMs = 100;

  // `rate` in bytes a second, not 0.
  Throttle(uint64_t rate, uint64_t now_ms)
      : rate_(std::min(rate, kMaxRate)),
        credit_((rate_ / kFirstShare + 1) * kMsPerSecond),
        seen_ms_(now_ms) {}

  void Hold(std::string_view bytes) { held_ += bytes; }
  [[nodiscard]] bool empty() const { return held_.empty(); }

  // What may go now, at most a second's worth; valid until Hold and Drop.
  [[nodiscard]] std::string_view Ready(uint64_t now_ms) {
    if (now_ms > seen_ms_) {
      const uint64_t passed_ms = std::min(now_ms - seen_ms_, kMsPerSecond);
      credit_ = std::min(credit_ + passed_ms * rate_, kMsPerSecond * rate_);
    }
    seen_ms_ = now_ms;
    return std::string_view(held_).substr(0, credit_ / kMsPerSecond);
  }
  // REQUIRES: no more than Ready gave.
  void Drop(size_t size) {
    credit_ -= size * kMsPerSecond;
    held_.erase(0, size);
  }

 private:
  static constexpr uint64_t kMsPerSecond = 1'000;
  static constexpr uint64_t kFirstShare = 10;              // of a second's worth goes at once
  static constexpr uint64_t kMaxRate = uint64_t{1} << 50;  // no machine is as fast

  uint64_t rate_;
  uint64_t credit_;  // in bytes a thousand
  uint64_t seen_ms_;
  std::string held_;
};

}  // namespace sluice::server
