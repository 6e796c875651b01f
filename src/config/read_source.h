// Reads where a topic's messages come from: `source` and what belongs to it.
#pragma once

#include <optional>

#include "config/reader.h"
#include "config/template.h"
#include "sluice/config/config.h"

namespace sluice::config {

// `path` is the topic's, if it is right. REQUIRES: `config.upstreams`, and the topic's channel and
// format, were read.
void ReadSource(Section& section, const std::optional<Template>& path, const Config& config,
                Topic& topic);

}  // namespace sluice::config
