// The whole gateway: starts the threads, serves until a signal ends it, drains. Main thread only.
#pragma once

#include <string>

#include "sluice/config/config.h"

namespace sluice::server {

struct GatewayOptions {
  std::string version;
  std::string config_path;  // what SIGHUP reads again
  // A descriptor to which the gateway writes what it listens on, a line each (`listen
  // 127.0.0.1:8080`, `admin 127.0.0.1:8081`), then `ready`, and which it closes then. -1: none.
  int ready_fd = -1;
};

// Returns the exit code: 0 after an orderly end, 1 if it could not start (the reason is in the
// log).
[[nodiscard]] int RunGateway(config::ConfigPtr config, const GatewayOptions& options);

}  // namespace sluice::server
