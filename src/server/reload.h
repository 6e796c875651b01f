// What a reload may change while the gateway runs. Pure function.
#pragma once

#include <string>
#include <vector>

#include "sluice/base/result.h"
#include "sluice/config/config.h"

namespace sluice::server {

struct ReloadPlan {
  std::vector<std::string> schemes;  // of `auth`: added, removed or changed
  std::vector<std::string> waiting;  // keys that are different, and need a restart
};

// `running` is the config that the gateway was started with, `latest` what it has of `auth` and
// `log` now. Fails if a scheme that `running` refers to is gone.
[[nodiscard]] Result<ReloadPlan> PlanReload(const config::Config& running,
                                            const config::Config& latest,
                                            const config::Config& next);

}  // namespace sluice::server
