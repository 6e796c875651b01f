// The beats of one link: numbered messages that are sent on one connection and must come back on
// the other. Keeps those that are under way and says when one is missing. Loop-thread only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::redis {

class Probe {
 public:
  explicit Probe(uint64_t interval_ms)
      : interval_ms_(std::max<uint64_t>(interval_ms, 1)),
        patience_ms_(std::max<uint64_t>(3 * interval_ms_, 1'000)) {}

  [[nodiscard]] uint64_t interval_ms() const { return interval_ms_; }

  // Forgets what is under way. Numbers go on, so a late beat of a link before counts for nothing.
  void Reset() {
    beats_.clear();
    last_send_ms_ = 0;
    excused_ = false;
  }

  // The payload of the next beat, sent now. Call it every interval.
  [[nodiscard]] std::string Send(uint64_t now_ms, uint64_t now_ns) {
    last_send_ms_ = now_ms;
    beats_.push_back({++last_number_, now_ms, now_ns});
    return std::to_string(last_number_);
  }

  // A message on the control channel: how long it took, if it is a beat that is under way.
  [[nodiscard]] std::optional<uint64_t> Receive(std::string_view payload, uint64_t now_ns);

  // If a beat is missing: how long it had, in ms. Before each Send but the first. `last_data_ms`:
  // when anything came on the connection that beats come back on. While something does, beats may
  // only be queued behind it, and dropping the link would lose all of that: they get kSlowFactor
  // times as long.
  [[nodiscard]] std::optional<uint64_t> Missing(uint64_t now_ms, uint64_t last_data_ms);

  static constexpr uint64_t kSlowFactor = 10;

 private:
  struct Beat {
    uint64_t number;
    uint64_t sent_ms;
    uint64_t sent_ns;
  };

  uint64_t interval_ms_;
  uint64_t patience_ms_;
  uint64_t last_number_ = 0;
  uint64_t last_send_ms_ = 0;
  bool excused_ = false;
  std::deque<Beat> beats_;  // at most kSlowFactor * patience / interval + 1
};

}  // namespace sluice::redis
