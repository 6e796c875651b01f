// Active health checks of all upstreams that have a health_check: one for the process, whatever the
// number of workers; they see what it finds out in the ServerStates. Loop-thread only.
#pragma once

#include <memory>
#include <vector>

#include "sluice/proxy/upstream.h"
#include "sluice/proxy/upstream_state.h"

namespace sluice::proxy {

class UpstreamHealth;

class HealthChecker {
 public:
  // What `environment` refers to must outlive it.
  explicit HealthChecker(const UpstreamEnvironment& environment);
  ~HealthChecker();
  HealthChecker(const HealthChecker&) = delete;
  HealthChecker& operator=(const HealthChecker&) = delete;

  // Checks these from now on, the first time at once. Those that it has checked before keep what is
  // known of them.
  void Check(const UpstreamStates& states);

 private:
  const UpstreamEnvironment environment_;
  std::vector<std::unique_ptr<UpstreamHealth>> upstreams_;
};

}  // namespace sluice::proxy
