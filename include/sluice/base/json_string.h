// Writes JSON strings. Pure, any thread.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// Appends `text` as a JSON string (RFC 8259 7), in quotes. Ill-formed UTF-8 becomes U+FFFD, and
// what a terminal would take as a control character (C0, DEL, C1) is escaped.
void AppendJsonString(std::string& out, std::string_view text);

}  // namespace sluice
