// Durations on the command line: 250ms, 15s, 10m, 1h.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <CLI/CLI.hpp>

namespace sluice::cli {

// For Option::transform: makes milliseconds of them.
inline CLI::AsNumberWithUnit Duration() {
  return CLI::AsNumberWithUnit(
      std::map<std::string, uint64_t>{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}},
      CLI::AsNumberWithUnit::Options(CLI::AsNumberWithUnit::CASE_SENSITIVE |
                                     CLI::AsNumberWithUnit::UNIT_REQUIRED),
      "DURATION");
}

}  // namespace sluice::cli
