// Reads host names and authorities (RFC 3986 3.2) as requests have them.
#pragma once

#include <optional>
#include <string>

#include "config/reader.h"

namespace sluice::config {

// HOST or HOST:PORT, as it goes into a Host field; an IPv6 address is in brackets.
void ReadAuthority(Section& section, std::string_view key, std::string& out);

// HOST without a port.
void ReadHostName(Section& section, std::string_view key, std::string& out);

// What the host of a request is compared with: "app.example", "*.example", "[::1]". In lower case,
// without the dot of the root, and an address in its shortest form. Null after a failure.
[[nodiscard]] std::optional<std::string> ReadHostPattern(Reader& reader, const Value& value);

// A numeric address in its shortest form, so that equal ones are equal; empty if it is none.
[[nodiscard]] std::string CanonicalAddress(const std::string& host);

}  // namespace sluice::config
