// Small things about header text. Any thread.
#pragma once

#include <string_view>

namespace sluice::http {

// Without the optional white space around it (RFC 9110 5.6.3).
[[nodiscard]] constexpr std::string_view TrimOws(std::string_view text) {
  const auto is_ows = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_ows(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_ows(text.back())) text.remove_suffix(1);
  return text;
}

[[nodiscard]] constexpr bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace sluice::http
