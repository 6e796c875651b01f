#include "server/metrics_upstreams.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sluice::server {
namespace {

using proxy::CallFailure;
using proxy::ServerStats;
using proxy::UpstreamStats;

// One upstream, and what each worker has counted of it.
struct Counted {
  const proxy::UpstreamState& state;
  std::vector<std::shared_ptr<const UpstreamStats>> workers;

  [[nodiscard]] uint64_t Sum(const std::function<uint64_t(const UpstreamStats&)>& value) const {
    uint64_t sum = 0;
    for (const auto& worker : workers) sum += value(*worker);
    return sum;
  }
  [[nodiscard]] uint64_t SumServer(size_t server,
                                   const std::function<uint64_t(const ServerStats&)>& value) const {
    return Sum([&](const UpstreamStats& stats) { return value(stats.servers[server]); });
  }
  [[nodiscard]] std::string Labels() const {
    return fmt::format("upstream=\"{}\"", EscapeLabel(state.config().name));
  }
  [[nodiscard]] std::string Labels(size_t server) const {
    return fmt::format("{},server=\"{}\"", Labels(), EscapeLabel(state.server_names()[server]));
  }
};

std::vector<Counted> Collect(const proxy::UpstreamStates& upstreams) {
  std::vector<Counted> counted;
  for (const auto& state : upstreams) counted.push_back({*state, state->AllStats()});
  return counted;
}

void AddServers(MetricsPage& page, const std::vector<Counted>& upstreams, std::string_view name,
                std::string_view type, std::string_view help,
                const std::function<uint64_t(const ServerStats&)>& value) {
  page.Begin(name, type, help);
  for (const Counted& upstream : upstreams) {
    for (size_t i = 0; i < upstream.state.server_names().size(); ++i) {
      page.Add(upstream.Labels(i), upstream.SumServer(i, value));
    }
  }
}

void AddRequests(MetricsPage& page, const std::vector<Counted>& upstreams) {
  page.Begin("sluice_upstream_requests_total", "counter", "Answers of the servers, by status.");
  for (const Counted& upstream : upstreams) {
    for (size_t i = 0; i < upstream.state.server_names().size(); ++i) {
      for (int status = ServerStats::kFirstStatus; status <= ServerStats::kLastStatus; ++status) {
        const uint64_t count = upstream.SumServer(
            i, [status](const ServerStats& stats) { return stats.answers(status); });
        if (count == 0) continue;
        page.Add(fmt::format("{},status=\"{}\"", upstream.Labels(i), status), count);
      }
    }
  }
}

// What never came to a server counts for server "-".
void AddFailures(MetricsPage& page, const std::vector<Counted>& upstreams) {
  page.Begin("sluice_upstream_failures_total", "counter",
             "Attempts that failed, by reason; server \"-\": no server was asked.");
  for (const Counted& upstream : upstreams) {
    for (size_t k = 0; k < ServerStats::kFailureKinds; ++k) {
      const auto kind = static_cast<CallFailure::Kind>(k);
      if (proxy::IsOfServer(kind)) {
        for (size_t i = 0; i < upstream.state.server_names().size(); ++i) {
          page.Add(fmt::format("{},reason=\"{}\"", upstream.Labels(i), proxy::ToName(kind)),
                   upstream.SumServer(
                       i, [kind](const ServerStats& stats) { return stats.failures(kind); }));
        }
      }
      const uint64_t unasked =
          upstream.Sum([k](const UpstreamStats& stats) { return stats.failures[k].Get(); });
      if (proxy::IsOfServer(kind) && unasked == 0) continue;
      page.Add(fmt::format("{},server=\"-\",reason=\"{}\"", upstream.Labels(), proxy::ToName(kind)),
               unasked);
    }
  }
}

void AddHeads(MetricsPage& page, const std::vector<Counted>& upstreams) {
  page.Begin("sluice_upstream_head_seconds", "histogram",
             "From a request's start, its wait for a place included, to the head of the answer.");
  for (const Counted& upstream : upstreams) {
    std::vector<const DurationHistogram*> heads;
    for (const auto& worker : upstream.workers) heads.push_back(&worker->head);
    page.AddHistogram(upstream.Labels(), heads);
  }
}

}  // namespace

void AddUpstreams(MetricsPage& page, const proxy::UpstreamStates& upstreams) {
  const std::vector<Counted> counted = Collect(upstreams);
  AddRequests(page, counted);
  AddHeads(page, counted);
  AddFailures(page, counted);
  AddServers(page, counted, "sluice_upstream_connects_total", "counter",
             "Connections opened to servers.",
             [](const ServerStats& stats) { return stats.connects.Get(); });
  AddServers(page, counted, "sluice_upstream_reuses_total", "counter",
             "Requests sent on a kept connection.",
             [](const ServerStats& stats) { return stats.reuses.Get(); });
  AddServers(page, counted, "sluice_upstream_retries_total", "counter",
             "Requests sent again, after another server's fault or on a dead kept connection.",
             [](const ServerStats& stats) { return stats.retries.Get(); });
  AddServers(page, counted, "sluice_upstream_active", "gauge", "Requests under way.",
             [](const ServerStats& stats) { return stats.active.Get(); });
  AddServers(page, counted, "sluice_upstream_idle_connections", "gauge",
             "Connections kept for the next request.",
             [](const ServerStats& stats) { return stats.idle.Get(); });
  page.Begin("sluice_upstream_waiting", "gauge", "Requests that wait for a place at a server.");
  for (const Counted& upstream : counted) {
    page.Add(upstream.Labels(),
             upstream.Sum([](const UpstreamStats& stats) { return stats.waiting.Get(); }));
  }
  page.Begin("sluice_upstream_up", "gauge",
             "1 if the server gets requests: its health checks are good, and it does not rest.");
  for (const Counted& upstream : counted) {
    for (size_t i = 0; i < upstream.state.server_names().size(); ++i) {
      page.Add(upstream.Labels(i), upstream.state.up(i) ? 1 : 0);
    }
  }
}

}  // namespace sluice::server
