// Loads a configuration from a text, for the tests of this folder.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/config/load.h"

namespace sluice::config {

using Environment = std::map<std::string, std::string>;

inline LoadResult Load(std::string_view text, const Environment& environment = {}) {
  return ParseConfig(text, "f.yaml", [&](const std::string& name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    if (found == environment.end()) return std::nullopt;
    return found->second;
  });
}

// What is wrong with it, each as "LINE:COL: key: message".
inline std::vector<std::string> ProblemsIn(std::string_view text,
                                           const Environment& environment = {}) {
  std::vector<std::string> lines;
  const LoadResult result = Load(text, environment);
  if (result) return lines;
  for (const Problem& problem : result.error()) {
    lines.push_back(problem.ToString().substr(std::string_view("f.yaml:").size()));
  }
  return lines;
}

}  // namespace sluice::config
