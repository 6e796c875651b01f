// What is valid in a configuration, and yet rarely meant. Pure function, any thread.
#pragma once

#include <string>
#include <vector>

#include "sluice/config/config.h"

namespace sluice::config {

// Each says which key, what may come of it, and what to do; none holds a secret.
[[nodiscard]] std::vector<std::string> AdviceOn(const Config& config);

}  // namespace sluice::config
