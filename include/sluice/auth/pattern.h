// Topic patterns of tokens and schemes: "room:*". Pure functions, any thread.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::auth {

// Whether `pattern`, in which each `*` stands for any run of bytes, is the whole of `name`. Takes
// at most |pattern| * |name| steps, whatever the two are.
[[nodiscard]] bool MatchesPattern(std::string_view pattern, std::string_view name);

[[nodiscard]] inline bool MatchesAny(const std::vector<std::string>& patterns,
                                     std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [name](const std::string& pattern) { return MatchesPattern(pattern, name); });
}

}  // namespace sluice::auth
