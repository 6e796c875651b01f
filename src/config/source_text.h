// The configuration file as text, before it is parsed. Pure functions.
#pragma once

#include <cstddef>
#include <string_view>

#include "config/report.h"

namespace sluice::config {

// Refuses what yaml-cpp lets pass or misreads: too large a file, bytes that are not UTF-8, control
// characters, and tabs as indentation. False after adding one problem to `report`.
[[nodiscard]] bool CheckSourceText(std::string_view text, Report& report);

// A quoted value that begins at or (after an anchor) behind `offset` is never closed. yaml-cpp
// accepts that, and the value swallows the rest of the file.
[[nodiscard]] bool EndsInsideQuotes(std::string_view text, size_t offset);

}  // namespace sluice::config
