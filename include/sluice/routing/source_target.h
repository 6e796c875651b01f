// What an upstream is asked for, to be a topic's source. Pure function, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sluice/config/config.h"

namespace sluice::routing {

// The request target for `channel`, which is one of `topic`: upstream_path, with the values of its
// parameters percent-encoded. Null if one of them is "." or "..", which no path can hold.
[[nodiscard]] std::optional<std::string> SourceTarget(const config::Topic& topic,
                                                      std::string_view channel);

}  // namespace sluice::routing
