#include "server/fd_need.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "server/process_info.h"
#include "sluice/base/log.h"

namespace sluice::server {
namespace {

constexpr uint64_t kOwnFds = 128;

// Whether requests of clients go to it, themselves or those that ask about them.
bool IsAsked(const config::Config& config, std::string_view upstream) {
  const auto asks = [upstream](const auto& entry) {
    return entry.auth_request && entry.auth_request->upstream == upstream;
  };
  return std::any_of(config.topics.begin(), config.topics.end(), asks) ||
         std::any_of(config.routes.begin(), config.routes.end(), [&](const config::Route& route) {
           return route.upstream == upstream || asks(route);
         });
}

// Of one in use. Each address of a server has max_connections, and of a name nobody knows how many
// it has.
uint64_t InUse(const config::Upstream& upstream, uint64_t clients) {
  const auto is_name = [](const config::UpstreamServer& server) {
    return server.endpoint.is_name();
  };
  if (upstream.max_connections == 0 ||
      std::any_of(upstream.servers.begin(), upstream.servers.end(), is_name)) {
    return clients;
  }
  return uint64_t{upstream.max_connections} * upstream.servers.size();
}

// Streams that topics take from upstreams at a time.
uint64_t Sources(const config::Config& config) {
  uint64_t sources = 0;
  for (const config::Topic& topic : config.topics) {
    if (topic.source != config::Source::kUpstream) continue;
    const bool many = topic.path.find('{') != std::string::npos;
    sources += many ? std::min(topic.max_topics, config.limits.connections) : 1;
  }
  return sources;
}

}  // namespace

FdNeed FdsNeeded(const config::Config& config, uint64_t workers) {
  FdNeed need{.clients = config.limits.connections, .upstreams = 0, .own = kOwnFds};
  uint64_t in_use = 0;
  uint64_t kept = 0;
  for (const config::Upstream& upstream : config.upstreams) {
    if (!IsAsked(config, upstream.name)) continue;
    in_use += InUse(upstream, need.clients);
    kept += 2 * upstream.keepalive * workers;  // as many again are being read out
  }
  need.upstreams = std::min(in_use, need.clients) + kept + Sources(config);
  return need;
}

void CheckFdLimit(const FdNeed& need) {
  const uint64_t fds = RaiseFdLimit();
  if (fds >= need.all()) return;
  LogWarn(
      "limits.connections={} needs {} file descriptors{}, but the limit is {}: raise it "
      "(LimitNOFILE, ulimit -n)",
      need.clients, need.all(),
      need.upstreams > 0 ? fmt::format(", {} of them for connections to upstreams", need.upstreams)
                         : "",
      fds);
}

}  // namespace sluice::server
