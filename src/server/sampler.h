// Reads the gateway's numbers once a second and keeps the last five minutes of them: what the
// graphs of /status show. Main thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "server/numbers.h"
#include "server/view.h"
#include "sluice/event/loop.h"

namespace sluice::server {

class Sampler {
 public:
  static constexpr uint64_t kIntervalMs = 1'000;
  static constexpr size_t kKept = 300;
  static constexpr size_t kHeadTimesKept = 60;

  // `view` is complete and outlives this; `sampled` is called after each sample.
  Sampler(event::Loop& loop, const GatewayView& view, std::function<void()> sampled);

  // Of the last sample; rates are those of the second before it.
  [[nodiscard]] const Totals& totals() const { return totals_; }
  [[nodiscard]] const Rates& rates() const { return rates_; }
  // In the last minute.
  [[nodiscard]] DurationHistogram::Counts HeadTimesOf(
      const std::shared_ptr<proxy::UpstreamState>& upstream) const;
  // The samples as a JSON array of MetricsMessages, oldest first.
  [[nodiscard]] std::string RenderHistory() const;

 private:
  void Sample();

  const GatewayView& view_;
  std::function<void()> sampled_;
  Totals totals_;
  Rates rates_;
  std::deque<std::string> history_;   // each a MetricsMessage
  std::deque<HeadTimes> head_times_;  // of the last minute, since the start
  std::unique_ptr<event::Timer> timer_;
};

}  // namespace sluice::server
