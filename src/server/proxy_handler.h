// Answers a route's requests by its upstream: who may come is decided here, then a ProxyRequest
// carries the request and its answer. Worker thread only.
#pragma once

#include <functional>
#include <memory>

#include "server/access.h"
#include "server/auth_cache.h"
#include "server/generation.h"
#include "server/limiter.h"
#include "server/request_warnings.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/proxy/field_list.h"
#include "sluice/proxy/upstream_set.h"
#include "sluice/proxy/x_accel.h"
#include "sluice/routing/router.h"
#include "sluice/server/exchange.h"

namespace sluice::server {

struct ProxyEnvironment {
  GenerationPtr generation;                        // present
  std::shared_ptr<proxy::UpstreamSet>& upstreams;  // of the present generation
  event::Loop& loop;
  event::TimerWheel& timers;
  Access& access;
  AuthCache& auth_cache;
  Limiter& limiter;
  RequestWarnings& warnings;
  // Who answers after an X-Accel-Redirect, as Dispatcher::Dispatch does.
  std::function<std::unique_ptr<RequestHandler>(Exchange& exchange,
                                                const proxy::RedirectTarget& target)>
      redirect;
};

// Null if it was answered at once.
[[nodiscard]] std::unique_ptr<RequestHandler> HandleProxy(const ProxyEnvironment& environment,
                                                          const routing::Match& match,
                                                          Exchange& exchange);

}  // namespace sluice::server
