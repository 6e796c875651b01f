#include "config/proxy_advice.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "config/quantity.h"

namespace sluice::config {
namespace {

constexpr uint64_t kLargeBody = uint64_t{16} * 1024 * 1024;
constexpr uint8_t kMappedBits = 96;  // what IPv4's 0.0.0.0/0 is among mapped addresses

bool IsUsed(const Config& config, const std::string& upstream) {
  const auto asks = [&](const std::optional<AuthRequest>& request) {
    return request && request->upstream == upstream;
  };
  return std::any_of(config.routes.begin(), config.routes.end(),
                     [&](const Route& route) {
                       return route.upstream == upstream || asks(route.auth_request);
                     }) ||
         std::any_of(config.topics.begin(), config.topics.end(), [&](const Topic& topic) {
           return topic.upstream == upstream || asks(topic.auth_request);
         });
}

// Whether a connection to `server` would come to `listen`.
bool LeadsTo(const net::Endpoint& server, const net::Endpoint& listen) {
  if (server.is_unix() || listen.is_unix()) return server == listen;
  if (server.port != listen.port) return false;
  if (server.host == listen.host) return true;
  const bool any = listen.host == "0.0.0.0" || listen.host == "::";
  const bool local = server.host == "localhost" || IsLocal(server);
  return local && (any || (server.host == "localhost" && IsLocal(listen)));
}

void AdviseOnServers(const Config& config, const Upstream& upstream,
                     std::vector<std::string>& advice) {
  for (const UpstreamServer& server : upstream.servers) {
    const auto own = std::find_if(
        config.listen.begin(), config.listen.end(),
        [&](const Listen& listen) { return LeadsTo(server.endpoint, listen.endpoint); });
    if (own == config.listen.end()) continue;
    advice.push_back(
        fmt::format("upstreams.{}.servers: {} is where this gateway listens itself: a request "
                    "would come back to it again and again",
                    upstream.name, server.endpoint.ToString()));
  }
  if (!IsUsed(config, upstream.name)) {
    advice.push_back(
        fmt::format("upstreams.{}: no route or topic sends requests to it", upstream.name));
  }
}

void AdviseOnUpstream(const Upstream& upstream, std::vector<std::string>& advice) {
  if (upstream.health_check && upstream.servers.size() == 1) {
    advice.push_back(
        fmt::format("upstreams.{}.health_check: it has one server, so a failed check refuses "
                    "requests that it might have answered; add a server, or leave the check out",
                    upstream.name));
  }
  const bool away =
      std::any_of(upstream.servers.begin(), upstream.servers.end(),
                  [](const UpstreamServer& server) { return !IsLocal(server.endpoint); });
  if (upstream.tls && !upstream.tls->verify && away) {
    advice.push_back(
        fmt::format("upstreams.{}.tls: with \"verify: false\" anyone on the way can be the server; "
                    "name its authority under `ca` instead",
                    upstream.name));
  }
  const Upstream defaults;
  const bool has_queue =
      upstream.queue != defaults.queue || upstream.queue_timeout_ms != defaults.queue_timeout_ms;
  if (has_queue && upstream.max_connections == 0) {
    advice.push_back(fmt::format(
        "upstreams.{}.queue: no request waits in it while max_connections is 0", upstream.name));
  }
}

void AdviseOnRoute(const Config& config, const Route& route, std::vector<std::string>& advice) {
  const uint64_t body_bytes = route.body_bytes.value_or(config.limits.body_bytes);
  if (route.request_buffering && body_bytes > kLargeBody) {
    advice.push_back(fmt::format(
        "routes {}: with \"request_buffering: on\" each request may take {} of memory; lower "
        "body_bytes, or turn it off",
        route.name, FormatQuantity(Unit::kSize, body_bytes)));
  }
}

// X-Accel-Redirect from an upstream that may use it is the only way to what is internal.
void AdviseOnInternal(const Config& config, std::vector<std::string>& advice) {
  const auto leads_on = [&](const Route& route) {
    return std::any_of(config.upstreams.begin(), config.upstreams.end(),
                       [&](const Upstream& upstream) {
                         return upstream.name == route.upstream && upstream.trust_x_accel;
                       });
  };
  const bool open =
      std::any_of(config.routes.begin(), config.routes.end(),
                  [&](const Route& route) { return !route.internal && leads_on(route); });
  if (open) return;
  constexpr std::string_view kWhy =
      "is internal, but no route that clients reach has an upstream whose X-Accel-Redirect is "
      "trusted: nothing leads to it";
  for (const Topic& topic : config.topics) {
    if (topic.internal) advice.push_back(fmt::format("topics.{} {}", topic.name, kWhy));
  }
  for (const Route& route : config.routes) {
    if (route.internal) advice.push_back(fmt::format("routes {} {}", route.name, kWhy));
  }
}

void AdviseOnForwarding(const Forwarding& forwarding, std::vector<std::string>& advice) {
  const bool everyone =
      std::any_of(forwarding.trusted_proxies.begin(), forwarding.trusted_proxies.end(),
                  [](const AddressRange& range) {
                    const bool mapped = range.base[10] == 0xFF && range.bits == kMappedBits;
                    return !range.unix_sockets && (range.bits == 0 || mapped);
                  });
  if (!everyone) return;
  advice.emplace_back(
      "trusted_proxies: it has every address there is, so any client can say in X-Forwarded-For "
      "who it is; name the proxies only");
}

}  // namespace

bool IsLocal(const net::Endpoint& endpoint) {
  return endpoint.is_unix() || endpoint.host == "::1" || endpoint.host.starts_with("127.");
}

void AdviseOnProxy(const Config& config, std::vector<std::string>& advice) {
  for (const Upstream& upstream : config.upstreams) {
    AdviseOnServers(config, upstream, advice);
    AdviseOnUpstream(upstream, advice);
  }
  for (const Route& route : config.routes) AdviseOnRoute(config, route, advice);
  AdviseOnInternal(config, advice);
  AdviseOnForwarding(config.forwarding, advice);
}

}  // namespace sluice::config
