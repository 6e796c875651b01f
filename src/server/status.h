// /status.json and /readyz: the gateway's numbers and state for people and their tools.
#pragma once

#include <string>

#include "server/view.h"

namespace sluice::server {

[[nodiscard]] std::string RenderStatus(const GatewayView& view);
// {"ready":…,"checks":{…}}: which check fails.
[[nodiscard]] std::string RenderReadiness(const GatewayView& view);

}  // namespace sluice::server
