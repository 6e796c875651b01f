// `sluice` and `sluice -t`: runs the gateway, or checks its configuration. Main thread.
#pragma once

#include <string>

namespace sluice::cli {

struct ServeOptions {
  std::string config_path;  // empty: the default files
  bool only_test = false;
  int ready_fd = -1;  // see server::GatewayOptions
};

// Returns the exit code, after the gateway's end.
int Serve(ServeOptions options);

}  // namespace sluice::cli
