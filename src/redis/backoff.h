// How long to wait before the next attempt: doubles from 100 ms up to a cap, each time with jitter,
// so that many processes do not come back at once. Loop-thread only.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sluice/base/random.h"

namespace sluice::redis {

class Backoff {
 public:
  static constexpr uint64_t kFirstMs = 100;

  explicit Backoff(uint64_t max_ms) : max_ms_(std::max<uint64_t>(max_ms, 1)) { Reset(); }

  // Uniform in [half, whole] of the present step; the next step is twice as long.
  [[nodiscard]] uint64_t Next() {
    const uint64_t whole = step_ms_;
    step_ms_ = std::min(step_ms_ * 2, max_ms_);
    const uint64_t half = whole / 2;
    return half + RandomBelow(whole - half + 1);
  }

  void Reset() { step_ms_ = std::min(kFirstMs, max_ms_); }

 private:
  uint64_t max_ms_;
  uint64_t step_ms_ = 0;
};

}  // namespace sluice::redis
