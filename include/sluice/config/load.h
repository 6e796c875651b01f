// Reads and checks the YAML configuration. Main thread; no state.
//
// Nothing is half accepted: either the configuration is complete and consistent, or the answer is
// the list of everything that is wrong with it. What cannot be parsed as YAML stops at the first
// such place.
//
// In every value `${NAME}` stands for the environment variable NAME and `${NAME:-text}` for `text`
// if NAME is unset or empty; `$${` is a literal `${`. They are replaced after the YAML was parsed,
// so what a variable holds is always one value and never structure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "sluice/config/config.h"

namespace sluice::config {

struct Problem {
  std::string file;
  uint32_t line = 0;    // from 1; 0: the file as a whole
  uint32_t column = 0;  // from 1, in bytes
  std::string key;      // "topics.news.history.events", "listen[0]"; empty: no key in particular
  std::string message;  // never holds a password or what an environment variable holds

  // "FILE:LINE:COL: key: message"; always one line.
  [[nodiscard]] std::string ToString() const;
};

// In the order of the file; never empty.
using Problems = std::vector<Problem>;
using LoadResult = tl::expected<ConfigPtr, Problems>;
using EnvLookup = std::function<std::optional<std::string>(const std::string& name)>;

// Files over this size are refused.
inline constexpr size_t kMaxConfigBytes = size_t{1024} * 1024;

// `file_name` is for the messages only.
[[nodiscard]] LoadResult ParseConfig(std::string_view text, const std::string& file_name,
                                     const EnvLookup& env);

// Reads `path` and takes variables from the process's environment.
[[nodiscard]] LoadResult LoadConfig(const std::string& path);

}  // namespace sluice::config
