// Any bytes as a configuration: either a usable one or problems that can be printed.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "sluice/config/load.h"
#include "sluice/http/path.h"
#include "sluice/routing/router.h"

namespace {

std::optional<std::string> Lookup(const std::string& name) {
  if (name == "A") return "127.0.0.1:1";
  if (name == "B") return "\xFF\n";
  return std::nullopt;
}

void Check(bool holds) {
  if (!holds) std::abort();
}

bool IsOneLine(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  }
  return !text.empty();
}

// What whoever serves a route relies on.
void CheckRoutes(const sluice::config::Config& config) {
  std::set<std::string> upstreams;
  for (const auto& upstream : config.upstreams) {
    Check(upstreams.insert(upstream.name).second && !upstream.servers.empty());
    Check(!std::all_of(upstream.servers.begin(), upstream.servers.end(),
                       [](const auto& server) { return server.backup; }));
  }
  for (const auto& route : config.routes) {
    Check(upstreams.contains(route.upstream) && !route.name.empty());
    Check(route.path.empty() ? route.internal && route.named : route.path[0] == '/');
    Check(!route.auth_request || upstreams.contains(route.auth_request->upstream));
    for (const auto& edits : {route.request_headers, route.response_headers}) {
      for (const auto& [name, value] : edits.set) {
        Check(IsOneLine(name) && IsOneLine(value) && name.find(':') == std::string::npos);
      }
    }
  }
  const sluice::routing::Router router(std::make_shared<const sluice::config::Config>(config));
  for (const auto& route : config.routes) {
    if (route.path.empty()) {
      Check(router.FindNamed("@" + route.name).action == sluice::routing::Action::kProxy);
      continue;
    }
    const auto path = sluice::http::Path::Parse(route.path);
    const std::string host = route.hosts.empty() ? "" : route.hosts[0];
    Check(path && router.Find(host.starts_with('*') ? "x" + host.substr(1) : host, *path,
                              sluice::routing::Scope::kInternal)
                          .action != sluice::routing::Action::kNone);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace config = sluice::config;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const config::LoadResult result = config::ParseConfig(text, "f.yaml", Lookup);
  if (result) {
    Check(!(*result)->listen.empty());
    for (const config::Topic& topic : (*result)->topics) {
      Check(!topic.name.empty() && !topic.channel.empty() && topic.path[0] == '/');
      Check(topic.filter.size() <= 4 && topic.replay_initial <= topic.history.events);
    }
    CheckRoutes(**result);
    return 0;
  }
  Check(!result.error().empty());
  for (const config::Problem& problem : result.error()) {
    Check(IsOneLine(problem.message) && IsOneLine(problem.ToString()));
    Check((problem.line == 0) == (problem.column == 0));
  }
  return 0;
}
