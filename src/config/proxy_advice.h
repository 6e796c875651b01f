// The part of AdviceOn (sluice/config/advice.h) that is about upstreams and routes.
#pragma once

#include <string>
#include <vector>

#include "sluice/config/config.h"

namespace sluice::config {

void AdviseOnProxy(const Config& config, std::vector<std::string>& advice);

// Whether it is on this machine only.
[[nodiscard]] bool IsLocal(const net::Endpoint& endpoint);

}  // namespace sluice::config
