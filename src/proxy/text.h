// Small things about header text. Any thread.
#pragma once

#include <string_view>

namespace sluice::proxy {

// Without the optional white space around it (RFC 9110 5.6.3).
[[nodiscard]] constexpr std::string_view TrimOws(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

}  // namespace sluice::proxy
