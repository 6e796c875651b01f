#include "config/not_built.h"

#include <algorithm>
#include <array>

namespace sluice::config {
namespace {

struct Missing {
  std::string_view key;
  std::string_view what;
};

constexpr std::array kMissing = {
    Missing{"auth", "authentication"},
    Missing{"cors", "CORS"},
    Missing{"limits.per_ip", "a limit of connections per address"},
    Missing{"listen[].tls", "TLS"},
    Missing{"log.access", "the access log"},
    Missing{"multi", "several topics on one connection"},
    Missing{"publish[].auth: NAME", "authentication; only \"none\" is possible"},
    Missing{"redis.cluster", "Redis Cluster"},
    Missing{"redis.sentinel", "Redis Sentinel"},
    Missing{"redis.url: rediss://", "TLS to Redis"},
    Missing{"routes", "proxying"},
    Missing{"topics.*.auth", "authentication"},
    Missing{"topics.*.internal", "topics reached by X-Accel-Redirect only"},
    Missing{"topics.*.source: stream", "Redis Streams as a source"},
    Missing{"upstreams", "proxying"},
};

}  // namespace

std::optional<std::string_view> NotBuilt(std::string_view key) {
  const auto found = std::find_if(kMissing.begin(), kMissing.end(),
                                  [&](const Missing& missing) { return missing.key == key; });
  if (found == kMissing.end()) return std::nullopt;
  return found->what;
}

}  // namespace sluice::config
