// Reads `routes`, and checks what must hold among them.
#pragma once

#include "config/claims.h"
#include "config/reader.h"
#include "sluice/config/config.h"

namespace sluice::config {

// REQUIRES: `config.auth`, `config.topics` and `config.upstreams` were read.
void ReadRoutes(Reader& reader, const Value& routes, Config& config);

}  // namespace sluice::config
