// Answers POST on the paths under `publish` (contract, "Publishing"): the body is the data, ?event=
// and ?id= go with it; 202 when the broker took it. Worker thread only.
#pragma once

#include <memory>

#include "server/access.h"
#include "server/generation.h"
#include "server/limiter.h"
#include "server/request_warnings.h"
#include "sluice/pubsub/hub.h"
#include "sluice/pubsub/stamper.h"
#include "sluice/routing/router.h"
#include "sluice/server/exchange.h"

namespace sluice::server {

struct PublishEnvironment {
  GenerationPtr generation;  // of requests that begin now
  pubsub::Hub& hub;
  pubsub::Stamper& stamper;
  Access& access;
  Limiter& limiter;
  RequestWarnings& warnings;
};

// Null if it was answered at once.
[[nodiscard]] std::unique_ptr<RequestHandler> HandlePublish(const PublishEnvironment& environment,
                                                            const routing::Match& match,
                                                            Exchange& exchange);

}  // namespace sluice::server
