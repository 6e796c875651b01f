#include "config/claims.h"

#include <fmt/format.h>

namespace sluice::config {

void Claims::Claim(Reader& reader, const Value& value, const std::string& thing,
                   std::string_view what) {
  const auto [owner, is_new] = owners_.emplace(thing, Owner{value.path, value.place().line});
  if (!is_new) {
    reader.Fail(value,
                fmt::format("{} of {} on line {}", what, owner->second.path, owner->second.line));
  }
}

}  // namespace sluice::config
