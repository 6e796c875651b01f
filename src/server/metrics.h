// The Prometheus text format (version 0.0.4) of everything that is counted.
#pragma once

#include <string>

#include "server/view.h"

namespace sluice::server {

[[nodiscard]] std::string RenderMetrics(const GatewayView& view);

}  // namespace sluice::server
