// Reads paths: those that requests are routed by, and those that the gateway asks for itself.
#pragma once

#include <optional>
#include <string>

#include "config/reader.h"
#include "config/template.h"

namespace sluice::config {

// The required `path` of a topic or publish path. Null after a failure.
[[nodiscard]] std::optional<Template> ReadPath(Section& section, std::string& path);

// A request target in origin form, with a query if there is one (RFC 9112 3.2.1): sent as it is.
// `value` may be null.
void ReadTarget(Reader& reader, const Value* value, std::string& out);

}  // namespace sluice::config
