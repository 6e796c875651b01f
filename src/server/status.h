// /status, /status.json and /readyz: the gateway's numbers and state for people and their tools.
// Main thread only.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "server/sampler.h"
#include "server/view.h"

namespace sluice::server {

// What /status.json answers and each event of /status/events carries. `now` has the rates of the
// last second.
[[nodiscard]] nlohmann::ordered_json StatusDocument(const GatewayView& view,
                                                    const Sampler& sampler);
// {"ready":…,"checks":{…}}: which check fails.
[[nodiscard]] std::string RenderReadiness(const GatewayView& view);

}  // namespace sluice::server
