// Reads who decides about a request: a scheme, or an app (nginx's auth_request).
#pragma once

#include <optional>
#include <string>

#include "config/reader.h"
#include "sluice/config/config.h"

namespace sluice::config {

// `value` is that of `auth` on a topic or route: the name of a scheme, none, or {request: ...}.
// REQUIRES: `config.auth` and `config.upstreams` were read.
void ReadAuthChoice(Reader& reader, const Value& value, const Config& config, std::string& scheme,
                    std::optional<AuthRequest>& request);

}  // namespace sluice::config
