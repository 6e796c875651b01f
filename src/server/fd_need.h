// How many file descriptors a configuration needs when it is used to its limits, and whether the
// kernel gives them. Main thread only.
#pragma once

#include <cstdint>

#include "sluice/config/config.h"

namespace sluice::server {

struct FdNeed {
  uint64_t clients = 0;    // limits.connections
  uint64_t upstreams = 0;  // connections to app servers, in use and kept
  uint64_t own = 0;        // loops, logs, Redis, listeners
  [[nodiscard]] uint64_t all() const { return clients + upstreams + own; }
  bool operator==(const FdNeed&) const = default;
};
// Clients whose requests go to upstreams need two each, but no more than max_connections allows.
[[nodiscard]] FdNeed FdsNeeded(const config::Config& config, uint64_t workers);

// Raises the limit of descriptors, and warns if that is not enough.
void CheckFdLimit(const FdNeed& need);

}  // namespace sluice::server
