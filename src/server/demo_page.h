// The page that `demo: true` serves at /.
#pragma once

#include <string>

#include "sluice/config/config.h"

namespace sluice::server {

// Shows the gateway's numbers and those topics that have exact paths and are open to everyone,
// live, and publishes to them where everyone may. Made once at start; see PageResponse.
[[nodiscard]] std::string DemoPage(const config::Config& config);

}  // namespace sluice::server
