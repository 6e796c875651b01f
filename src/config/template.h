// Paths and channels with {parameters}. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace sluice::config {

struct Template {
  // The text with each parameter as "{}", and a path without a slash at its end: equal for two
  // templates that stand for the same set.
  std::string shape;
  std::vector<std::string> parameters;  // names in the order of the text, each once
};

// "/events/rooms/{id}", as it is after percent-decoding. A parameter is a whole segment. The error
// ends a sentence that begins with the text.
[[nodiscard]] tl::expected<Template, std::string> ParsePath(std::string_view text);

// Whether both have the same parameters, in whatever order.
[[nodiscard]] bool SameParameters(const Template& a, const Template& b);

// Channels that begin with this are Sluice's own.
inline constexpr std::string_view kReservedPrefix = "sluice:";

// "room:{id}". Parameters may stand anywhere, with text between them.
[[nodiscard]] tl::expected<Template, std::string> ParseChannel(std::string_view text);

}  // namespace sluice::config
