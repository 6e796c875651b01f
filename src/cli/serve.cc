#include "cli/serve.h"

#include <string>

#include <fmt/format.h>

#include "cli/command.h"
#include "sluice/config/advice.h"
#include "sluice/server/gateway.h"

namespace sluice::cli {

int Serve(ServeOptions options) {
  const config::ConfigPtr config = LoadOrComplain(options.config_path);
  if (config == nullptr) return kFailed;
  if (options.only_test) {
    for (const std::string& advice : config::AdviceOn(*config)) {
      fmt::print(stderr, "{}: warning: {}\n", options.config_path, advice);
    }
    fmt::print("{}: the configuration is valid\n", options.config_path);
    return kDone;
  }
  return server::RunGateway(config, {.version = SLUICE_VERSION,
                                     .config_path = options.config_path,
                                     .ready_fd = options.ready_fd});
}

}  // namespace sluice::cli
