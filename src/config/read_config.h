// Reads a whole document into a Config. Problems go to the reader's report; the result counts only
// if there are none.
#pragma once

#include "config/reader.h"
#include "sluice/config/config.h"

namespace sluice::config {

[[nodiscard]] Config ReadConfig(Reader& reader, const YamlNode& root);

}  // namespace sluice::config
