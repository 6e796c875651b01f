#include "config/quantity.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <system_error>

#include <fmt/format.h>

namespace sluice::config {
namespace {

struct Suffix {
  std::string_view name;
  uint64_t factor;
};

constexpr std::array kDurations = {Suffix{"h", 3'600'000}, Suffix{"m", 60'000}, Suffix{"s", 1'000},
                                   Suffix{"ms", 1}};
constexpr std::array kSizes = {Suffix{"GiB", uint64_t{1} << 30}, Suffix{"MiB", uint64_t{1} << 20},
                               Suffix{"KiB", 1024}, Suffix{"", 1}};
constexpr std::array kCounts = {Suffix{"", 1}};

std::span<const Suffix> SuffixesOf(Unit unit) {
  switch (unit) {
    case Unit::kDuration:
      return kDurations;
    case Unit::kSize:
      return kSizes;
    case Unit::kCount:
      break;
  }
  return kCounts;
}

std::string_view Expectation(Unit unit) {
  switch (unit) {
    case Unit::kDuration:
      return "is not a duration such as 250ms, 15s, 10m or 1h";
    case Unit::kSize:
      return "is not a size such as 4096, 16KiB, 1MiB or 1GiB";
    case Unit::kCount:
      break;
  }
  return "is not a whole number";
}

}  // namespace

tl::expected<uint64_t, std::string> ParseQuantity(Unit unit, std::string_view text, Range range) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view name = text.substr(digits);
  const std::span<const Suffix> suffixes = SuffixesOf(unit);
  const auto suffix = std::find_if(suffixes.begin(), suffixes.end(),
                                   [&](const Suffix& known) { return known.name == name; });
  if (digits == 0 || suffix == suffixes.end()) {
    return tl::unexpected(std::string(Expectation(unit)));
  }
  if (digits > 1 && text[0] == '0') {
    return tl::unexpected<std::string>("has a leading 0; write the decimal number without it");
  }
  uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + digits, number);
  const bool overflow = parsed.ec != std::errc() || number > UINT64_MAX / suffix->factor;
  if (overflow || number * suffix->factor < range.min || number * suffix->factor > range.max) {
    return tl::unexpected(fmt::format("is not between {} and {}", FormatQuantity(unit, range.min),
                                      FormatQuantity(unit, range.max)));
  }
  return number * suffix->factor;
}

std::string FormatQuantity(Unit unit, uint64_t value) {
  for (const Suffix& suffix : SuffixesOf(unit)) {
    if (value >= suffix.factor && value % suffix.factor == 0) {
      return fmt::format("{}{}", value / suffix.factor, suffix.name);
    }
  }
  return unit == Unit::kDuration ? "0s" : "0";
}

}  // namespace sluice::config
