// Reads what proxies tell each other: `trusted_proxies`, `via`, `forwarded`.
#pragma once

#include "config/reader.h"
#include "sluice/config/proxy.h"

namespace sluice::config {

void ReadForwarding(Section& section, Forwarding& out);

}  // namespace sluice::config
