#include "server/status.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <thread>

#include "server/process_info.h"
#include "sluice/base/clock.h"
#include "sluice/base/log.h"

namespace sluice::server {
namespace {

using nlohmann::ordered_json;
using pubsub::HubStats;

uint64_t Sum(const GatewayView& view, const std::function<uint64_t(const Worker&)>& value) {
  uint64_t sum = 0;
  for (const Worker* worker : view.workers) sum += value(*worker);
  return sum;
}
uint64_t SumHubs(const GatewayView& view, const std::function<uint64_t(const HubStats&)>& value) {
  return Sum(view, [&value](const Worker& worker) { return value(worker.hub_stats()); });
}

double Tenths(double value) {
  return std::round(value * 10) / 10;
}

ordered_json TopicStatus(const pubsub::TopicEntry& entry, const Rates& rates) {
  const pubsub::TopicCounters& counters = entry.counters;
  ordered_json gaps = ordered_json::object();
  for (size_t r = 0; r < pubsub::kGapReasonNames.size(); ++r) {
    gaps[std::string(pubsub::kGapReasonNames[r])] =
        counters.Sum([r](const pubsub::TopicStats& s) { return s.gaps[r].Get(); });
  }
  // Each worker holds the topics that its clients want: the most that one holds is a lower bound.
  uint64_t live = 0;
  for (const pubsub::TopicStats& worker : counters.workers) {
    live = std::max(live, worker.topics.Get());
  }
  const config::Topic& topic = entry.config;
  const auto rate = rates.topic_events.find(topic.name);
  ordered_json status = {
      {"name", topic.name},
      {"path", topic.path},
      {"channel", topic.channel},
      {"live", live},
      {"subscribers",
       counters.Sum([](const pubsub::TopicStats& s) { return s.subscribers.Get(); })},
      {"events", counters.events.Get()},
      {"events_per_second", rate != rates.topic_events.end() ? Tenths(rate->second) : 0.0},
      {"dropped", counters.dropped.Get()},
      {"gaps", gaps}};
  if (topic.source == config::Source::kUpstream) {
    const pubsub::SourceCounters& source = counters.source;
    status["source"] = {{"upstream", topic.upstream},
                        {"open", source.open.Get()},
                        {"lost", source.lost.Get()},
                        {"reconnects", source.reconnects.Get()},
                        {"failures", source.failures.Get()}};
  }
  return status;
}

ordered_json Disconnects(const GatewayView& view) {
  ordered_json disconnects = ordered_json::object();
  for (size_t r = 0; r < pubsub::kCloseReasonNames.size(); ++r) {
    disconnects[std::string(pubsub::kCloseReasonNames[r])] =
        SumHubs(view, [r](const HubStats& hub) { return hub.disconnects[r].Get(); });
  }
  return disconnects;
}

ordered_json AuthFailures(const GatewayView& view) {
  ordered_json failures = ordered_json::object();
  for (size_t denial = 0; denial < auth::kDenialNames.size(); ++denial) {
    failures[std::string(auth::kDenialNames[denial])] =
        Sum(view, [denial](const Worker& worker) { return worker.auth_stats()[denial].Get(); });
  }
  return failures;
}

ordered_json Limited(const GatewayView& view) {
  ordered_json limited = ordered_json::object();
  for (size_t limit = 0; limit < kLimitNames.size(); ++limit) {
    limited[std::string(kLimitNames[limit])] =
        Sum(view, [limit](const Worker& worker) { return worker.limit_stats()[limit].Get(); });
  }
  return limited;
}

ordered_json UpstreamStatus(const std::shared_ptr<proxy::UpstreamState>& shared,
                            const Sampler& sampler) {
  const proxy::UpstreamState& upstream = *shared;
  const auto workers = upstream.AllStats();
  using Value = uint64_t (*)(const proxy::ServerStats& stats);
  const auto sum = [&workers](size_t server, Value value) {
    uint64_t total = 0;
    for (const auto& worker : workers) total += value(worker->servers[server]);
    return total;
  };
  ordered_json servers = ordered_json::array();
  for (size_t i = 0; i < upstream.server_names().size(); ++i) {
    ordered_json addresses = ordered_json::array();
    for (const auto& state : upstream.Addresses(i)) {
      addresses.push_back({{"address", state->address().ToString()},
                           {"up", state->up()},
                           {"healthy", state->healthy()},
                           {"resting", state->resting()}});
    }
    const config::UpstreamServer& server = upstream.config().servers[i];
    servers.push_back(
        {{"server", upstream.server_names()[i]},
         {"weight", server.weight},
         {"backup", server.backup},
         {"up", upstream.up(i)},
         {"requests", sum(i, [](const proxy::ServerStats& s) { return s.requests(); })},
         {"failures", sum(i, [](const proxy::ServerStats& s) { return s.all_failures(); })},
         {"retries", sum(i, [](const proxy::ServerStats& s) { return s.retries.Get(); })},
         {"active", sum(i, [](const proxy::ServerStats& s) { return s.active.Get(); })},
         {"idle", sum(i, [](const proxy::ServerStats& s) { return s.idle.Get(); })},
         {"addresses", addresses}});
  }
  uint64_t waiting = 0;
  for (const auto& worker : workers) waiting += worker->waiting.Get();
  const DurationHistogram::Counts heads = sampler.HeadTimesOf(shared);
  return {{"name", upstream.config().name},
          {"waiting", waiting},
          {"head_p50_ms", Milliseconds(Quantile(heads, 0.5))},
          {"head_p99_ms", Milliseconds(Quantile(heads, 0.99))},
          {"servers", servers}};
}

ordered_json BrokerStatus(const GatewayView& view) {
  if (view.redis == nullptr) return {{"kind", "memory"}};
  return {{"kind", "redis"},
          {"endpoint", view.generation->config().redis.endpoint.ToString()},
          {"up", view.redis->up.load()},
          {"probe_seconds", static_cast<double>(view.redis->probe_ns.load()) / 1e9},
          {"reconnects", view.redis->reconnects.load()},
          {"failures", view.redis->failures.load()}};
}

ordered_json ProcessStatus() {
  const ProcessUsage process = ReadProcessUsage();
  const FdUsage fds = ReadFdUsage();
  return {{"cpu_seconds", process.cpu_seconds},
          {"cores", std::max(1U, std::thread::hardware_concurrency())},
          {"resident_bytes", process.resident_bytes},
          {"open_fds", fds.open},
          {"max_fds", fds.max}};
}

uint64_t LogLinesLost(LogKind kind) {
  const LogLosses losses = GetLogLosses(kind);
  return losses.overflowed + losses.unwritten;
}

ordered_json Readiness(const GatewayView& view) {
  ordered_json checks = {{"config", "ok"},
                         {"listeners", view.listening ? "ok" : "not open"},
                         {"drain", view.draining ? "draining" : "ok"}};
  if (view.redis != nullptr) {
    checks["redis"] = view.redis_up() ? "ok" : "no probe message came back in time";
  }
  return checks;
}

}  // namespace

ordered_json StatusDocument(const GatewayView& view, const Sampler& sampler) {
  const uint64_t streams = view.ledger->subscribers();
  const uint64_t connections =
      std::max(streams, Sum(view, [](const Worker& worker) { return worker.connections(); }));
  ordered_json topics = ordered_json::array();
  for (const pubsub::TopicEntryPtr& topic : view.generation->topics()) {
    topics.push_back(TopicStatus(*topic, sampler.rates()));
  }
  ordered_json upstreams = ordered_json::array();
  for (const auto& upstream : view.generation->upstreams()) {
    upstreams.push_back(UpstreamStatus(upstream, sampler));
  }
  return {
      {"version", view.version},
      {"uptime_seconds", (WallMs() - view.started_ms) / 1000},
      {"ready", view.ready()},
      {"checks", Readiness(view)},
      {"draining", view.draining},
      {"workers", view.workers.size()},
      {"connections", connections},
      {"connections_by_state", {{"http", connections - streams}, {"stream", streams}}},
      {"accepted", Sum(view, [](const Worker& worker) { return worker.accepted(); })},
      {"refused", Sum(view, [](const Worker& worker) { return worker.refused(); })},
      {"subscribers", streams},
      {"behind", SumHubs(view, [](const HubStats& hub) { return hub.behind.Get(); })},
      {"events", view.ledger->events()},
      {"deliveries", SumHubs(view, [](const HubStats& hub) { return hub.deliveries.Get(); })},
      {"delivery_bytes",
       SumHubs(view, [](const HubStats& hub) { return hub.delivery_bytes.Get(); })},
      {"replayed", SumHubs(view, [](const HubStats& hub) { return hub.replayed.Get(); })},
      {"published", view.ingest->stats().published.Get()},
      {"publish_failures", view.ingest->stats().publish_failures.Get()},
      {"disconnects", Disconnects(view)},
      {"auth_failures", AuthFailures(view)},
      {"limited", Limited(view)},
      {"now", MetricsMessage(sampler.totals(), sampler.rates())},
      {"topics", topics},
      {"upstreams", upstreams},
      {"broker", BrokerStatus(view)},
      {"process", ProcessStatus()},
      {"log_lines_lost",
       {{"error", LogLinesLost(LogKind::kError)}, {"access", LogLinesLost(LogKind::kAccess)}}},
  };
}

std::string RenderReadiness(const GatewayView& view) {
  return ordered_json{{"ready", view.ready()}, {"checks", Readiness(view)}}.dump() + "\n";
}

}  // namespace sluice::server
