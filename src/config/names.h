// What topics, upstreams and routes are called, and how they are found by that.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "config/reader.h"

namespace sluice::config {

// 1 to 128 letters, digits, and _ . : - but not sluice:..., which is Sluice's own.
[[nodiscard]] bool IsName(std::string_view text);
// What IsName says, for a message; `whose` is "a topic's".
[[nodiscard]] std::string NameRule(std::string_view whose);

// The name of one of `entries`, each with a member `name`; null after a failure. `what` is for the
// message: "a topic under `topics`".
template <class T>
[[nodiscard]] const T* FindNamed(Reader& reader, const Value& value, const std::vector<T>& entries,
                                 std::string_view what) {
  const std::optional<std::string> name = reader.Text(value);
  if (!name) return nullptr;
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const T& entry) { return entry.name == *name; });
  if (found != entries.end()) return &*found;
  std::vector<std::string_view> names;
  names.reserve(entries.size());
  for (const T& entry : entries) names.push_back(entry.name);
  reader.FailQuoting(value, fmt::format("is not {}{}", what, DidYouMean(value.node->text, names)));
  return nullptr;
}

}  // namespace sluice::config
