#include "sluice/base/json_string.h"

#include <iterator>

#include <fmt/format.h>

#include "sluice/base/utf8.h"

namespace sluice {

void AppendJsonString(std::string& out, std::string_view text) {
  std::string valid;
  AppendUtf8(valid, text);
  out += '"';
  for (const char c : valid) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace sluice
