// Reads `upstreams`. No name is resolved here.
#pragma once

#include <vector>

#include "config/reader.h"
#include "sluice/config/proxy.h"

namespace sluice::config {

void ReadUpstreams(Reader& reader, const Value& upstreams, std::vector<Upstream>& out);

}  // namespace sluice::config
