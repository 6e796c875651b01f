#include "server/metrics.h"

#include <array>
#include <functional>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "server/metrics_page.h"
#include "server/metrics_upstreams.h"
#include "server/process_info.h"
#include "sluice/base/log.h"

namespace sluice::server {
namespace {

using pubsub::HubStats;
using Page = MetricsPage;

uint64_t SumHubs(const GatewayView& view, const std::function<uint64_t(const HubStats&)>& value) {
  uint64_t sum = 0;
  for (const Worker* worker : view.workers) sum += value(worker->hub_stats());
  return sum;
}

void AddSources(
    const GatewayView& view,
    const std::function<void(const std::string& labels, const pubsub::SourceCounters&)>& add) {
  for (const pubsub::TopicEntryPtr& topic : view.generation->topics()) {
    if (topic->config.source != config::Source::kUpstream) continue;
    add(fmt::format("topic=\"{}\"", topic->config.name), topic->counters.source);
  }
}

void AddTopics(Page& page, const GatewayView& view) {
  using Value = uint64_t (*)(const pubsub::TopicCounters& counters);
  const auto add = [&](std::string_view name, std::string_view type, std::string_view help,
                       Value value) {
    page.Begin(name, type, help);
    for (const pubsub::TopicEntryPtr& topic : view.generation->topics()) {
      page.Add(fmt::format("topic=\"{}\"", topic->config.name), value(topic->counters));
    }
  };
  add("sluice_subscribers", "gauge", "Streams that are open, by entry of topics:.",
      [](const pubsub::TopicCounters& counters) {
        return counters.Sum([](const pubsub::TopicStats& s) { return s.subscribers.Get(); });
      });
  add("sluice_topics", "gauge", "Topics that a worker holds (counted once for each worker).",
      [](const pubsub::TopicCounters& counters) {
        return counters.Sum([](const pubsub::TopicStats& s) { return s.topics.Get(); });
      });
  add("sluice_events_total", "counter", "Events that the broker delivered to this process.",
      [](const pubsub::TopicCounters& counters) { return counters.events.Get(); });
  add("sluice_messages_dropped_total", "counter",
      "Messages refused: too large, or not of the topic's format.",
      [](const pubsub::TopicCounters& counters) { return counters.dropped.Get(); });
  page.Begin("sluice_sources", "gauge",
             "Event streams of upstreams that are a topic's source, by state: open, or lost and "
             "being opened.");
  AddSources(view, [&page](const std::string& labels, const pubsub::SourceCounters& source) {
    page.Add(labels + ",state=\"open\"", source.open.Get());
    page.Add(labels + ",state=\"lost\"", source.lost.Get());
  });
  page.Begin("sluice_source_reconnects_total", "counter",
             "Times that an upstream's event stream was opened again.");
  AddSources(view, [&page](const std::string& labels, const pubsub::SourceCounters& source) {
    page.Add(labels, source.reconnects.Get());
  });
  page.Begin("sluice_source_failures_total", "counter",
             "Event streams of upstreams that were lost, and attempts that failed.");
  AddSources(view, [&page](const std::string& labels, const pubsub::SourceCounters& source) {
    page.Add(labels, source.failures.Get());
  });
  page.Begin("sluice_gaps_total", "counter", "sluice.gap events told to subscribers.");
  for (const pubsub::TopicEntryPtr& topic : view.generation->topics()) {
    for (size_t r = 0; r < pubsub::kGapReasonNames.size(); ++r) {
      page.Add(
          fmt::format("topic=\"{}\",reason=\"{}\"", topic->config.name, pubsub::kGapReasonNames[r]),
          topic->counters.Sum([r](const pubsub::TopicStats& s) { return s.gaps[r].Get(); }));
    }
  }
}

void AddDelivery(Page& page, const GatewayView& view) {
  page.One("sluice_deliveries_total", "counter", "Events given whole to a socket.",
           SumHubs(view, [](const HubStats& s) { return s.deliveries.Get(); }));
  page.One("sluice_delivery_bytes_total", "counter", "Bytes given to the sockets of streams.",
           SumHubs(view, [](const HubStats& s) { return s.delivery_bytes.Get(); }));
  page.One("sluice_replayed_total", "counter", "Events of the history replayed to newcomers.",
           SumHubs(view, [](const HubStats& s) { return s.replayed.Get(); }));
  page.One("sluice_heartbeats_total", "counter", "Heartbeat comments sent.",
           SumHubs(view, [](const HubStats& s) { return s.heartbeats.Get(); }));
  page.One("sluice_subscribers_behind", "gauge", "Streams that are not caught up now.",
           SumHubs(view, [](const HubStats& s) { return s.behind.Get(); }));
  page.Begin("sluice_disconnects_total", "counter", "Streams that ended, by reason.");
  for (size_t r = 0; r < pubsub::kCloseReasonNames.size(); ++r) {
    page.Add(fmt::format("reason=\"{}\"", pubsub::kCloseReasonNames[r]),
             SumHubs(view, [r](const HubStats& s) { return s.disconnects[r].Get(); }));
  }
  std::vector<const DurationHistogram*> fanout;
  for (const Worker* worker : view.workers) fanout.push_back(&worker->hub_stats().fanout);
  page.Histogram("sluice_fanout_seconds",
                 "From the broker's message to the last socket of a worker.", fanout);
  page.One("sluice_published_total", "counter", "Messages published over HTTP.",
           view.ingest->stats().published.Get());
  page.One("sluice_publish_failures_total", "counter", "Messages published over HTTP that failed.",
           view.ingest->stats().publish_failures.Get());
}

void AddHttp(Page& page, const GatewayView& view) {
  uint64_t connections = 0;
  const uint64_t streams = view.ledger->subscribers();
  uint64_t accepted = 0;
  uint64_t refused = 0;
  for (const Worker* worker : view.workers) {
    connections += worker->connections();
    accepted += worker->accepted();
    refused += worker->refused();
  }
  page.Begin("sluice_connections", "gauge", "Client connections: in HTTP, or open streams.");
  page.Add("state=\"http\"", connections > streams ? connections - streams : 0);
  page.Add("state=\"stream\"", streams);
  page.One("sluice_accepted_total", "counter", "Connections accepted.", accepted);
  page.One("sluice_refused_total", "counter", "Connections refused by limits.connections.",
           refused);
  page.Begin("sluice_limited_total", "counter",
             "Connections and requests of a client that was over its limit, by limit.");
  for (size_t limit = 0; limit < kLimitNames.size(); ++limit) {
    uint64_t count = 0;
    for (const Worker* worker : view.workers) count += worker->limit_stats()[limit].Get();
    page.Add(fmt::format("limit=\"{}\"", kLimitNames[limit]), count);
  }

  page.Begin("sluice_http_requests_total", "counter", "Requests answered, streams included.");
  std::map<std::string_view, std::array<uint64_t, HttpStats::kStatuses>> routes;
  for (const Worker* worker : view.workers) {
    for (const auto* row = &worker->http_stats().first(); row != nullptr; row = row->next()) {
      auto& counts = routes[row->label()];
      for (size_t column = 0; column < counts.size(); ++column) counts[column] += row->Get(column);
    }
  }
  for (const auto& [route, counts] : routes) {
    for (size_t column = 0; column < counts.size(); ++column) {
      const uint64_t count = counts[column];
      if (count == 0) continue;
      const int status = HttpStats::StatusOf(column);
      page.Add(fmt::format("route=\"{}\",status=\"{}\"", route,
                           status == HttpStats::kOther ? "other" : fmt::format("{}", status)),
               count);
    }
  }
  std::vector<const DurationHistogram*> durations;
  for (const Worker* worker : view.workers) durations.push_back(&worker->http_stats().duration());
  page.Histogram("sluice_http_request_duration_seconds",
                 "From a request's first byte to its answer's last; streams are not among them.",
                 durations);
}

void AddAuth(Page& page, const GatewayView& view) {
  page.Begin(
      "sluice_auth_failures_total", "counter",
      "Requests refused for their token, by reason. \"limited\" counts again those that were "
      "answered 429.");
  for (size_t denial = 0; denial < auth::kDenialNames.size(); ++denial) {
    uint64_t count = 0;
    for (const Worker* worker : view.workers) count += worker->auth_stats()[denial].Get();
    page.Add(fmt::format("reason=\"{}\"", auth::kDenialNames[denial]), count);
  }
}

void AddConfig(Page& page, const GatewayView& view) {
  page.Begin("sluice_config_reloads_total", "counter", "Reloads, by result.");
  page.Add("result=\"ok\"", view.reloads_done);
  page.Add("result=\"failed\"", view.reloads_failed);
  page.Begin("sluice_config_changes_total", "counter",
             "What reloads have added, removed and changed in the configuration.");
  const auto add = [&page](std::string_view what, const ReloadCounts::Entries& entries) {
    page.Add(fmt::format("what=\"{}\",change=\"added\"", what), entries.added);
    page.Add(fmt::format("what=\"{}\",change=\"removed\"", what), entries.removed);
    page.Add(fmt::format("what=\"{}\",change=\"changed\"", what), entries.changed);
  };
  add("listener", view.changes.listeners);
  add("topic", view.changes.topics);
  add("auth", view.changes.schemes);
  add("upstream", view.changes.upstreams);
  add("route", view.changes.routes);
  page.Add("what=\"setting\",change=\"changed\"", view.changes.keys);
  page.One("sluice_config_last_reload_success", "gauge",
           "1 if the last reload was taken, or there was none; 0 if it changed nothing.",
           view.last_reload_ok ? 1 : 0);
  page.One("sluice_config_last_success_timestamp_seconds", "gauge",
           "When the configuration that runs was read, Unix time.",
           static_cast<double>(view.loaded_ms) / 1000);
  page.One("sluice_config_generations", "gauge",
           "Configurations in use: more than 1 while requests of an older one are under way.",
           view.generations());
}

void AddRedis(Page& page, const GatewayView& view) {
  if (view.redis == nullptr) return;
  page.One("sluice_redis_up", "gauge", "1 if the last probe message came back through Redis.",
           view.redis->up.load() ? 1 : 0);
  page.One("sluice_redis_probe_seconds", "gauge", "How long the last probe message took.",
           static_cast<double>(view.redis->probe_ns.load()) / 1e9);
  page.One("sluice_redis_reconnects_total", "counter", "Times that the link came up after a loss.",
           view.redis->reconnects.load());
  page.One("sluice_redis_failures_total", "counter", "Links lost and attempts that failed.",
           view.redis->failures.load());
}

void AddProcess(Page& page, const GatewayView& view) {
  page.Begin("sluice_info", "gauge", "The version that runs.");
  page.Add(fmt::format("version=\"{}\"", view.version), 1);
  page.One("sluice_ready", "gauge", "1 if /readyz answers 200.", view.ready() ? 1 : 0);
  page.Begin("sluice_log_lines_lost_total", "counter",
             "Log lines lost: queue full, or not written.");
  for (const LogKind kind : {LogKind::kError, LogKind::kAccess}) {
    const LogLosses losses = GetLogLosses(kind);
    page.Add(kind == LogKind::kError ? "log=\"error\"" : "log=\"access\"",
             losses.overflowed + losses.unwritten);
  }
  const ProcessUsage process = ReadProcessUsage();
  const FdUsage fds = ReadFdUsage();
  page.One("process_cpu_seconds_total", "counter", "CPU time used.", process.cpu_seconds);
  page.One("process_resident_memory_bytes", "gauge", "Resident memory.", process.resident_bytes);
  page.One("process_open_fds", "gauge", "Open file descriptors.", fds.open);
  page.One("process_max_fds", "gauge", "Limit of file descriptors.", fds.max);
  page.One("process_start_time_seconds", "gauge", "Start of the process, Unix time.",
           static_cast<double>(view.started_ms) / 1000);
}

}  // namespace

std::string RenderMetrics(const GatewayView& view) {
  Page page;
  AddTopics(page, view);
  AddDelivery(page, view);
  AddHttp(page, view);
  AddUpstreams(page, view.generation->upstreams());
  AddAuth(page, view);
  AddConfig(page, view);
  AddRedis(page, view);
  AddProcess(page, view);
  return page.Take();
}

}  // namespace sluice::server
