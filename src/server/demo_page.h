// The page that `demo: true` serves at /.
#pragma once

#include <string>

#include "sluice/config/config.h"

namespace sluice::server {

// Shows the topics that have exact paths, live, and publishes to them if the config allows it. No
// assets from elsewhere. Made once at start.
[[nodiscard]] std::string DemoPage(const config::Config& config);

}  // namespace sluice::server
