// Small things about header text. Any thread.
#pragma once

#include <string_view>

#include "sluice/http/field_lines.h"

namespace sluice::proxy {

// Without the optional white space around it (RFC 9110 5.6.3).
[[nodiscard]] constexpr std::string_view TrimOws(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

// Content-Encoding, Content-Range and so on: fields without which a body means something else.
[[nodiscard]] inline bool IsContentField(std::string_view name) {
  constexpr std::string_view kFamily = "content-";
  return name.size() > kFamily.size() &&
         http::EqualsIgnoreCase(name.substr(0, kFamily.size()), kFamily);
}

}  // namespace sluice::proxy
