// What `sluice explain` says about the limits of one client. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "sluice/config/config.h"

namespace sluice::cli {

// "10 requests a second by address, 20 at once; 5 streams by cookie sid; then 429"; empty: none.
// `what` is counted as its connections: "streams".
[[nodiscard]] std::string DescribeClientLimits(const config::Limits& process,
                                               const config::RateLimits& own,
                                               std::string_view what);

}  // namespace sluice::cli
