// Reads header fields: their names (RFC 9110 5.1), and what a route changes in them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/reader.h"
#include "sluice/config/proxy.h"

namespace sluice::config {

// Whether `text` is a token (RFC 9110 5.6.2): the name of a field or of a cookie.
[[nodiscard]] bool IsToken(std::string_view text);

[[nodiscard]] std::string LowerCase(std::string_view text);

// A list of names of fields, each once and in lower case. Those that say how a message is framed or
// what becomes of its connection are refused.
void ReadFieldNames(Reader& reader, const Value& value, std::vector<std::string>& out);

// request_headers, response_headers.
void ReadHeaderEdits(Section& route, std::string_view key, HeaderEdits& out);

}  // namespace sluice::config
