// Answers GET, HEAD and OPTIONS on a topic's path: waits until the topic is live, then turns the
// connection into a subscriber (contract, "Subscribing"). Worker thread only.
#pragma once

#include <cstdint>
#include <memory>

#include "server/access.h"
#include "server/generation.h"
#include "server/limiter.h"
#include "server/request_warnings.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/pubsub/hub.h"
#include "sluice/routing/router.h"
#include "sluice/server/exchange.h"

namespace sluice::server {

struct TopicEnvironment {
  GenerationPtr generation;  // of requests that begin now
  pubsub::Hub& hub;
  event::TimerWheel& timers;
  Access& access;
  Limiter& limiter;
  RequestWarnings& warnings;
};

// Null if it was answered at once.
[[nodiscard]] std::unique_ptr<RequestHandler> HandleTopic(const TopicEnvironment& environment,
                                                          const routing::Match& match,
                                                          Exchange& exchange);

}  // namespace sluice::server
