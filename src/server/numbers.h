// The gateway's numbers for people: what the counters of all threads say at one instant, and what
// happened between two instants. /status, /status.json and topics with `source: metrics` show these
// and no others. Reading is for the main thread; the values are plain.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "server/view.h"
#include "sluice/base/counter.h"

namespace sluice::server {

struct Totals {
  uint64_t at_ns = 0;    // CLOCK_MONOTONIC
  uint64_t wall_ms = 0;  // Unix time
  // Now.
  uint64_t connections = 0;  // streams are among them
  uint64_t subscribers = 0;  // open streams
  uint64_t behind = 0;       // streams that are not caught up
  uint64_t resident_bytes = 0;
  uint64_t probe_ns = 0;  // how long Redis' last probe message took; 0: none came back yet
  bool redis_up = true;   // true with the memory broker
  // Since the process started.
  uint64_t events = 0;
  uint64_t deliveries = 0;
  uint64_t delivery_bytes = 0;
  double cpu_seconds = 0;
  DurationHistogram::Counts fanout{};
  std::map<std::string, uint64_t, std::less<>> topic_events;  // of the topics that there are
};
[[nodiscard]] Totals ReadTotals(const GatewayView& view);

// How long the answers of each upstream took to begin. One that a reload changed counts anew.
using HeadTimes =
    std::map<std::weak_ptr<proxy::UpstreamState>, DurationHistogram::Counts, std::owner_less<>>;
[[nodiscard]] HeadTimes ReadHeadTimes(const GatewayView& view);
// What is in `after` and was not in `before`.
[[nodiscard]] DurationHistogram::Counts Between(const DurationHistogram::Counts& before,
                                                const DurationHistogram::Counts& after);

// Between two Totals. Rates are per second; without any time between them all are 0.
struct Rates {
  double events = 0;
  double deliveries = 0;
  double delivery_bytes = 0;
  double cpu_percent = 0;  // of all cores: 0 to 100
  // In seconds; none if nothing was delivered.
  std::optional<double> fanout_p50;
  std::optional<double> fanout_p99;
  std::map<std::string, double, std::less<>> topic_events;
};
[[nodiscard]] Rates Between(const Totals& before, const Totals& after);

// The q-th quantile (0 < q <= 1) of durations in seconds, interpolated within its bucket as
// Prometheus' histogram_quantile does; none if there are no durations. What is over the last bound
// counts as the last bound.
[[nodiscard]] std::optional<double> Quantile(const DurationHistogram::Counts& counts, double q);
// A number of milliseconds, exact to a microsecond; null for none.
[[nodiscard]] nlohmann::ordered_json Milliseconds(std::optional<double> seconds);

// One message of a topic with `source: metrics`; docs/topics.md says what each member is.
[[nodiscard]] nlohmann::ordered_json MetricsMessage(const Totals& totals, const Rates& rates);

}  // namespace sluice::server
