// Keys and values that the contract names and this version does not have. They are refused by name,
// so that nobody believes they work and nobody looks for a typing mistake.
#pragma once

#include <optional>
#include <string_view>

namespace sluice::config {

// What is missing, for a key ("topics.*.auth") or for a value of one ("topics.*.source: stream").
[[nodiscard]] std::optional<std::string_view> NotBuilt(std::string_view key);

}  // namespace sluice::config
