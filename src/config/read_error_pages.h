// Reads the bodies that a route answers errors with.
#pragma once

#include <vector>

#include "config/reader.h"
#include "sluice/config/proxy.h"

namespace sluice::config {

void ReadErrorPages(Section& route, std::vector<ErrorPage>& out);

}  // namespace sluice::config
