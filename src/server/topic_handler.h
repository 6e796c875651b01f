// Answers GET, HEAD and OPTIONS on a topic's path: waits until the topic is live, then turns the
// connection into a subscriber (contract, "Subscribing"). Worker thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/access.h"
#include "server/cors.h"
#include "server/limiter.h"
#include "server/request_warnings.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/pubsub/hub.h"
#include "sluice/routing/router.h"
#include "sluice/server/exchange.h"

namespace sluice::server {

struct TopicEnvironment {
  const config::Config& config;
  const routing::Router& router;
  pubsub::Hub& hub;
  event::TimerWheel& timers;
  const std::vector<std::string>& greetings;  // see EncodeGreetings
  Access& access;
  const Cors& cors;
  Limiter& limiter;
  RequestWarnings& warnings;
};

// By topic: the event that each of its clients gets before any other, as it is on the stream. Empty
// if there is none.
[[nodiscard]] std::vector<std::string> EncodeGreetings(const config::Config& config);

// Null if it was answered at once.
[[nodiscard]] std::unique_ptr<RequestHandler> HandleTopic(const TopicEnvironment& environment,
                                                          const routing::Match& match,
                                                          Exchange& exchange);

}  // namespace sluice::server
