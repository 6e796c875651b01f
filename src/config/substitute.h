// Environment variables in values. Pure function.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "sluice/config/load.h"

namespace sluice::config {

// What config/load.h says about `${NAME}`. What a variable holds is not looked at again. The error
// names the variable and never says what it holds.
[[nodiscard]] tl::expected<std::string, std::string> Substitute(std::string_view text,
                                                                const EnvLookup& env);

}  // namespace sluice::config
