#include "config/not_built.h"

#include <array>

namespace sluice::config {
namespace {

struct Missing {
  std::string_view key;
  std::string_view what;
};

constexpr std::array kMissing = {
    Missing{"listen[].tls", "TLS"},
    Missing{"multi", "several topics on one connection"},
    Missing{"redis.cluster", "Redis Cluster"},
    Missing{"redis.sentinel", "Redis Sentinel"},
    Missing{"redis.url: rediss://", "TLS to Redis"},
    Missing{"topics.*.source: stream", "Redis Streams as a source"},
};

}  // namespace

std::optional<std::string_view> NotBuilt(std::string_view key) {
  for (const Missing& missing : kMissing) {
    if (missing.key == key) return missing.what;
  }
  return std::nullopt;
}

}  // namespace sluice::config
