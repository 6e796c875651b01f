// Reads `auth` and `cors`, with the keys that `auth` refers to.
#pragma once

#include <string>
#include <vector>

#include "config/reader.h"
#include "sluice/config/config.h"

namespace sluice::config {

void ReadAuth(Reader& reader, const Value& auth, std::vector<AuthScheme>& out);
void ReadCors(Section& section, std::optional<Cors>& out);

// The name of a scheme in `schemes`; "none" is none of them and gives "". Null after a failure.
[[nodiscard]] std::optional<std::string> ReadSchemeName(Reader& reader, const Value& value,
                                                        const std::vector<AuthScheme>& schemes);

}  // namespace sluice::config
