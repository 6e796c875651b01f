#include "config/substitute.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "config/report.h"

namespace sluice::config {
namespace {

constexpr size_t kMaxValueBytes = size_t{64} * 1024;

bool IsVariableName(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && is_letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return is_letter(c) || is_digit(c); });
}

}  // namespace

tl::expected<std::string, std::string> Substitute(std::string_view text, const EnvLookup& env) {
  std::string result;
  while (true) {
    const size_t start = text.find("${");
    result += text.substr(0, start);
    if (result.size() > kMaxValueBytes) {
      return tl::unexpected(fmt::format("the value is longer than {} bytes", kMaxValueBytes));
    }
    if (start == std::string_view::npos) return result;
    if (start > 0 && text[start - 1] == '$') {
      result += '{';
      text.remove_prefix(start + 2);
      continue;
    }
    const size_t end = text.find('}', start);
    if (end == std::string_view::npos) {
      return tl::unexpected<std::string>(
          "\"${\" without \"}\"; a literal \"${\" is written \"$${\"");
    }
    const std::string_view inside = text.substr(start + 2, end - start - 2);
    const size_t colon = inside.find(":-");
    const std::string name(inside.substr(0, colon));
    if (!IsVariableName(name)) {
      return tl::unexpected(
          fmt::format("{} is not the name of an environment variable", Quote(name)));
    }
    std::optional<std::string> value = env(name);
    if (colon != std::string_view::npos && (!value || value->empty())) {
      value = inside.substr(colon + 2);
    }
    if (!value) {
      return tl::unexpected(
          fmt::format("the environment variable {} is not set; ${{{}:-default}} gives it a default",
                      Printable(name), Printable(name)));
    }
    result += *value;
    text.remove_prefix(end + 1);
  }
}

}  // namespace sluice::config
