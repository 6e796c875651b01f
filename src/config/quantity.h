// Numbers, durations and sizes as they are written in the configuration. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace sluice::config {

enum class Unit : uint8_t {
  kCount,     // 18000
  kDuration,  // 250ms 15s 10m 1h -> milliseconds
  kSize,      // 512 16KiB 1MiB 1GiB -> bytes
};

// Both ends are allowed.
struct Range {
  uint64_t min = 0;
  uint64_t max = 0;
};

// The value, or what is wrong as the end of a sentence that begins with the text.
[[nodiscard]] tl::expected<uint64_t, std::string> ParseQuantity(Unit unit, std::string_view text,
                                                                Range range);

// In the largest unit that is exact.
[[nodiscard]] std::string FormatQuantity(Unit unit, uint64_t value);

}  // namespace sluice::config
