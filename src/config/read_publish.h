// Reads `publish`.
#pragma once

#include "config/claims.h"
#include "config/reader.h"
#include "sluice/config/config.h"

namespace sluice::config {

// `paths` are those of topics, too. REQUIRES: `config.auth` and `config.topics` were read.
void ReadPublish(Reader& reader, const Value& publish, Claims& paths, Config& config);

}  // namespace sluice::config
