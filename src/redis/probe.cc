#include "redis/probe.h"

#include <charconv>

namespace sluice::redis {

std::optional<uint64_t> Probe::Receive(std::string_view payload, uint64_t now_ns) {
  uint64_t number = 0;
  const char* end = payload.data() + payload.size();
  const auto [parsed, error] = std::from_chars(payload.data(), end, number);
  if (error != std::errc() || parsed != end || number > last_number_) return std::nullopt;
  // Redis keeps the order, so the beats before this one will not come any more.
  while (!beats_.empty() && beats_.front().number < number) beats_.pop_front();
  if (beats_.empty() || beats_.front().number != number) return std::nullopt;
  const uint64_t took_ns = now_ns - beats_.front().sent_ns;
  beats_.pop_front();
  return took_ns;
}

std::optional<uint64_t> Probe::Missing(uint64_t now_ms, uint64_t last_data_ms) {
  // When this loop itself stood still, answers may lie unread: read them before judging. Not
  // twice in a row, or a loop that is always late would never notice anything.
  const bool late = now_ms - last_send_ms_ > 2 * interval_ms_;
  if (late && !excused_) {
    excused_ = true;
    return std::nullopt;
  }
  excused_ = false;
  if (beats_.empty()) return std::nullopt;
  const uint64_t age_ms = now_ms - beats_.front().sent_ms;
  const bool quiet = now_ms - last_data_ms >= patience_ms_;
  const uint64_t limit_ms = quiet ? patience_ms_ : kSlowFactor * patience_ms_;
  if (age_ms < limit_ms) return std::nullopt;
  return limit_ms;
}

}  // namespace sluice::redis
