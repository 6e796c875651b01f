// Keeps a line that an outsider can cause, again and again, from flooding the log: one a second is
// written, and it tells how many were left out before it. For one thread.
//
//   if (const auto left_out = throttle_.Admit(loop.NowMs())) {
//     LogWarn("topic={} message dropped: {}{}", name, why, LeftOut(*left_out));
//   }
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace sluice {

class LogThrottle {
 public:
  static constexpr uint64_t kIntervalMs = 1'000;

  // Nothing: leave this line out. Else how many were left out since the last one.
  [[nodiscard]] std::optional<uint64_t> Admit(uint64_t now_ms) {
    if (started_ && now_ms - last_ms_ < kIntervalMs) {
      ++left_out_;
      return std::nullopt;
    }
    started_ = true;
    last_ms_ = now_ms;
    return std::exchange(left_out_, 0);
  }

 private:
  uint64_t last_ms_ = 0;
  uint64_t left_out_ = 0;
  bool started_ = false;
};

// " left_out=17" for the line's end; empty for none.
[[nodiscard]] inline std::string LeftOut(uint64_t count) {
  return count == 0 ? std::string() : fmt::format(" left_out={}", count);
}

}  // namespace sluice
