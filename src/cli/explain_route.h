// What `sluice explain` says about a request that a route passes on. Pure functions, any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sluice/config/config.h"
#include "sluice/http/request.h"

namespace sluice::cli {

// "name", "value"
using ExplainedLines = std::vector<std::pair<std::string, std::string>>;

// "app.example/api (path /api, hosts app.example)"
[[nodiscard]] std::string DescribeRoute(const config::Route& route);

// Who decides about it, for a route or topic with an auth request.
[[nodiscard]] std::string DescribeAuthRequest(const config::AuthRequest& request);

// Upstream and servers, and the path and Host that they would see.
[[nodiscard]] ExplainedLines ExplainUpstream(const config::Config& config,
                                             const config::Route& route,
                                             const http::Request& request);

// Bodies, buffers and limits.
[[nodiscard]] ExplainedLines ExplainPassing(const config::Config& config,
                                            const config::Route& route);

}  // namespace sluice::cli
