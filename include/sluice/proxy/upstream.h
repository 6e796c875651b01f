// One upstream as one worker sees it: its servers, which of them is next, their kept connections
// and the requests that wait for one. Loop-thread only. What all workers know together of a server
// is in its ServerState.
#pragma once

#include <memory>

#include "sluice/config/proxy.h"
#include "sluice/event/loop.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/net/network.h"
#include "sluice/proxy/call.h"

namespace sluice::proxy {

struct UpstreamEnvironment {
  event::Loop& loop;
  event::TimerWheel& timers;
  net::Network& network;
};

class Upstream {
 public:
  virtual ~Upstream() = default;  // REQUIRES: no call of it is left
  [[nodiscard]] virtual const config::Upstream& config() const = 0;
  // Kept connections are not used any more, and closed; calls under way go on. For reload and
  // drain.
  virtual void Retire() = 0;
  // `handler` must outlive the call.
  [[nodiscard]] virtual std::unique_ptr<Call> Start(CallRequest request, CallHandler& handler) = 0;
};

}  // namespace sluice::proxy
