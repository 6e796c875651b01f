// How fast an answer may go (limit_rate, X-Accel-Limit-Rate): bytes are held until their second has
// come. Worker-thread only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::server {

class Throttle {
 public:
  // `rate` in bytes a second, not 0.
  Throttle(uint64_t rate, uint64_t now_ms) : rate_(rate), start_ms_(now_ms) {}

  void Hold(std::string_view bytes) { held_ += bytes; }
  [[nodiscard]] bool empty() const { return held_.empty(); }

  // What may go now, at most a second's worth at once; valid until Drop.
  [[nodiscard]] std::string_view Ready(uint64_t now_ms) const {
    const uint64_t due = (now_ms - start_ms_) / 1000 * rate_ +
                         (now_ms - start_ms_) % 1000 * rate_ / 1000 + rate_ / kFirstShare + 1;
    return std::string_view(held_).substr(0, due - std::min(due, sent_));
  }
  void Drop(size_t size) {
    sent_ += size;
    held_.erase(0, size);
  }
  // When to look again.
  static constexpr uint64_t kTickMs = 100;

 private:
  static constexpr uint64_t kFirstShare = 10;  // of a second's worth goes at once

  uint64_t rate_;
  uint64_t start_ms_;
  uint64_t sent_ = 0;
  std::string held_;
};

}  // namespace sluice::server
