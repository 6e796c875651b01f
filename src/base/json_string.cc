#include "sluice/base/json_string.h"

#include <iterator>

#include <fmt/format.h>

#include "sluice/base/utf8.h"

namespace sluice {

void AppendJsonString(std::string& out, std::string_view text) {
  std::string valid;
  if (!IsValidUtf8(text)) {
    AppendUtf8(valid, text);
    text = valid;
  }
  out += '"';
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[i];
    } else if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else if (byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0) {  // C1
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(text[++i]));
    } else {
      out += text[i];
    }
  }
  out += '"';
}

}  // namespace sluice
