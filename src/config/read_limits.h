// Reads how much one client may have: `requests`, `connections` and `refuse` of topics and routes,
// and `requests` of the process.
#pragma once

#include <string_view>

#include "config/reader.h"
#include "sluice/config/limits.h"

namespace sluice::config {

// `has_scheme`: whether `auth` names a scheme, which alone tells tokens apart. `limits` is the map
// of that name.
void ReadRateLimits(Section& limits, bool has_scheme, RateLimits& out);

// One rate. `has_scheme` as above.
void ReadRequestRate(Section& limits, std::string_view key, bool has_scheme, RequestRate& out);

}  // namespace sluice::config
