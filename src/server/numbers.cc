#include "server/numbers.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "server/process_info.h"
#include "sluice/base/clock.h"

namespace sluice::server {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kGiB = 1024.0 * 1024 * 1024;

double Rounded(double value, double steps) {
  return std::round(value * steps) / steps;
}

}  // namespace

Totals ReadTotals(const GatewayView& view) {
  Totals totals;
  totals.at_ns = MonotonicNs();
  totals.wall_ms = WallMs();
  for (const Worker* worker : view.workers) {
    const pubsub::HubStats& hub = worker->hub_stats();
    totals.connections += worker->connections();
    totals.behind += hub.behind.Get();
    totals.deliveries += hub.deliveries.Get();
    totals.delivery_bytes += hub.delivery_bytes.Get();
    for (size_t i = 0; i < totals.fanout.size(); ++i) totals.fanout[i] += hub.fanout.bucket(i);
  }
  totals.subscribers = view.ledger->subscribers();
  // Workers count their connections once a second, and their streams at once.
  totals.connections = std::max(totals.connections, totals.subscribers);
  totals.events = view.ledger->events();
  for (const pubsub::TopicEntryPtr& topic : view.generation->topics()) {
    totals.topic_events[topic->config.name] = topic->counters.events.Get();
  }
  if (view.redis != nullptr) {
    totals.probe_ns = view.redis->probe_ns.load();
    totals.redis_up = view.redis->up.load();
  }
  const ProcessUsage usage = ReadProcessUsage();
  totals.cpu_seconds = usage.cpu_seconds;
  totals.resident_bytes = usage.resident_bytes;
  return totals;
}

HeadTimes ReadHeadTimes(const GatewayView& view) {
  HeadTimes times;
  for (const auto& upstream : view.generation->upstreams()) {
    DurationHistogram::Counts& counts = times[upstream];
    for (const auto& worker : upstream->AllStats()) {
      for (size_t i = 0; i < counts.size(); ++i) counts[i] += worker->head.bucket(i);
    }
  }
  return times;
}

DurationHistogram::Counts Between(const DurationHistogram::Counts& before,
                                  const DurationHistogram::Counts& after) {
  DurationHistogram::Counts counts{};
  for (size_t i = 0; i < counts.size(); ++i) counts[i] = after[i] - std::min(before[i], after[i]);
  return counts;
}

Rates Between(const Totals& before, const Totals& after) {
  Rates rates;
  for (const auto& [topic, events] : after.topic_events) rates.topic_events[topic] = 0;
  if (after.at_ns <= before.at_ns) return rates;
  const double seconds = static_cast<double>(after.at_ns - before.at_ns) / kNsPerSecond;
  const auto per_second = [seconds](uint64_t from, uint64_t to) {
    return static_cast<double>(to - std::min(from, to)) / seconds;
  };
  rates.events = per_second(before.events, after.events);
  rates.deliveries = per_second(before.deliveries, after.deliveries);
  rates.delivery_bytes = per_second(before.delivery_bytes, after.delivery_bytes);
  const double cores = std::max(1U, std::thread::hardware_concurrency());
  rates.cpu_percent =
      std::clamp((after.cpu_seconds - before.cpu_seconds) / seconds / cores * 100, 0.0, 100.0);
  const DurationHistogram::Counts fanout = Between(before.fanout, after.fanout);
  rates.fanout_p50 = Quantile(fanout, 0.5);
  rates.fanout_p99 = Quantile(fanout, 0.99);
  for (const auto& [topic, events] : after.topic_events) {
    const auto then = before.topic_events.find(topic);
    if (then != before.topic_events.end()) {
      rates.topic_events[topic] = per_second(then->second, events);
    }
  }
  return rates;
}

std::optional<double> Quantile(const DurationHistogram::Counts& counts, double q) {
  uint64_t total = 0;
  for (const uint64_t count : counts) total += count;
  if (total == 0) return std::nullopt;
  const double rank = q * static_cast<double>(total);
  const auto& bounds = DurationHistogram::kBounds;
  double below = 0;
  for (size_t i = 0; i < bounds.size(); ++i) {
    const auto here = static_cast<double>(counts[i]);
    if (here > 0 && below + here >= rank) {
      const double low = i == 0 ? 0 : bounds[i - 1];
      return low + (bounds[i] - low) * (rank - below) / here;
    }
    below += here;
  }
  return bounds.back();
}

nlohmann::ordered_json Milliseconds(std::optional<double> seconds) {
  if (!seconds) return nullptr;
  return Rounded(*seconds * 1e3, 1e3);
}

nlohmann::ordered_json MetricsMessage(const Totals& totals, const Rates& rates) {
  nlohmann::ordered_json message = {
      {"timestamp", totals.wall_ms},
      {"cpu", Rounded(rates.cpu_percent, 100)},
      {"memory", Rounded(static_cast<double>(totals.resident_bytes) / kGiB, 1e5)},
      {"connections", totals.connections},
      {"subscribers", totals.subscribers},
      {"behind", totals.behind},
      {"events_per_second", Rounded(rates.events, 10)},
      {"deliveries_per_second", Rounded(rates.deliveries, 10)},
      {"bytes_per_second", Rounded(rates.delivery_bytes, 1)},
      {"fanout_p50_ms", Milliseconds(rates.fanout_p50)},
      {"fanout_p99_ms", Milliseconds(rates.fanout_p99)},
  };
  if (totals.probe_ns > 0) {
    message["redis_probe_ms"] =
        totals.redis_up ? Milliseconds(static_cast<double>(totals.probe_ns) / kNsPerSecond)
                        : nullptr;
  }
  return message;
}

}  // namespace sluice::server
