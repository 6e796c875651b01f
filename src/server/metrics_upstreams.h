// The metrics of the upstreams.
#pragma once

#include "server/metrics_page.h"
#include "sluice/proxy/upstream_state.h"

namespace sluice::server {

void AddUpstreams(MetricsPage& page, const proxy::UpstreamStates& upstreams);

}  // namespace sluice::server
