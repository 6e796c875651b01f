#include "cli/explain_route.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/text.h"
#include "sluice/proxy/target.h"

namespace sluice::cli {
namespace {

// Routes name upstreams that there are: the reader sees to it.
const config::Upstream& UpstreamOf(const config::Config& config, const config::Route& route) {
  return *std::find_if(
      config.upstreams.begin(), config.upstreams.end(),
      [&](const config::Upstream& upstream) { return upstream.name == route.upstream; });
}

std::string Describe(const config::UpstreamServer& server) {
  return fmt::format("{}{}{}", server.endpoint.ToString(),
                     server.weight == 1 ? "" : fmt::format(" (weight {})", server.weight),
                     server.backup ? " (backup)" : "");
}

std::string DescribeBalance(const config::Upstream& upstream) {
  if (upstream.servers.size() == 1) return "";
  switch (upstream.balance) {
    case config::Balance::kRoundRobin:
      return ", round_robin";
    case config::Balance::kLeastConnections:
      return ", least_connections";
    case config::Balance::kHash:
      break;
  }
  switch (upstream.hash.kind) {
    case config::HashKey::Kind::kCookie:
      return fmt::format(", hash of the cookie {}", upstream.hash.name);
    case config::HashKey::Kind::kHeader:
      return fmt::format(", hash of the field {}", upstream.hash.name);
    case config::HashKey::Kind::kAddress:
      break;
  }
  return ", hash of the client's address";
}

}  // namespace

std::string DescribeRoute(const config::Route& route) {
  std::vector<std::string> places;
  if (!route.path.empty()) places.push_back("path " + route.path);
  if (!route.hosts.empty()) places.push_back(fmt::format("hosts {}", fmt::join(route.hosts, " ")));
  if (route.internal) places.emplace_back("internal");
  return fmt::format("route {} ({})", route.name, fmt::join(places, ", "));
}

std::string DescribeAuthRequest(const config::AuthRequest& request) {
  std::string text = fmt::format("GET {} of upstream {} decides, request by request", request.path,
                                 request.upstream);
  if (request.cache_ms > 0) {
    text += fmt::format("; a good answer holds for {} with the same {}", Seconds(request.cache_ms),
                        fmt::join(request.cache_key, ", "));
  }
  return text;
}

ExplainedLines ExplainUpstream(const config::Config& config, const config::Route& route,
                               const http::Request& request) {
  const config::Upstream& upstream = UpstreamOf(config, route);
  std::vector<std::string> servers;
  for (const auto& server : upstream.servers) servers.push_back(Describe(server));
  std::string path;
  proxy::AppendUpstreamPath(path, proxy::RawPath(request.target()), request.path(), route);
  ExplainedLines lines;
  lines.emplace_back("upstream",
                     fmt::format("{}: {}{}{}", upstream.name, fmt::join(servers, ", "),
                                 DescribeBalance(upstream), upstream.tls ? ", TLS" : ""));
  lines.emplace_back(
      "it sees",
      fmt::format(
          "{}{}, Host {}", path, request.query().empty() ? "" : " with the query",
          route.host.empty() ? fmt::format("{} (the client's)", request.host()) : route.host));
  return lines;
}

ExplainedLines ExplainPassing(const config::Config& config, const config::Route& route) {
  const config::Upstream& upstream = UpstreamOf(config, route);
  ExplainedLines lines;
  if (!config.auth.empty()) {
    lines.emplace_back("tokens", route.strip_tokens ? "taken out" : "passed on to the upstream");
  }
  lines.emplace_back(
      "body",
      fmt::format("{} bytes at most, {}", route.body_bytes.value_or(config.limits.body_bytes),
                  route.request_buffering ? "read whole before the upstream is asked"
                                          : "passed on as it comes"));
  lines.emplace_back(
      "buffering",
      route.buffering
          ? fmt::format(
                "on: the upstream is read on while less than {} bytes of an answer wait for "
                "the client; of event streams and answers of unknown length when none do",
                route.buffer_bytes)
          : "off: the upstream is read on when nothing waits for the client");
  if (config.cors) {
    lines.emplace_back("cors", route.cors ? "the gateway's, in place of the app's own"
                                          : "the app's own; route `cors: true` is the gateway's");
  }
  lines.emplace_back("websocket", route.websocket ? "passed on" : "not passed on");
  std::string limits =
      fmt::format("{} connections; connect {}, send {}, read {}", config.limits.connections,
                  Seconds(upstream.connect_timeout_ms), Seconds(upstream.send_timeout_ms),
                  Seconds(upstream.read_timeout_ms));
  if (upstream.max_connections > 0) {
    limits += fmt::format("; {} connections to a server", upstream.max_connections);
  }
  if (route.limit_rate > 0) limits += fmt::format("; {} bytes a second", route.limit_rate);
  lines.emplace_back("limits", limits);
  return lines;
}

}  // namespace sluice::cli
