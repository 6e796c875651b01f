// The admin listener: /healthz, /readyz, /metrics, /status, /status.json (contract, "Admin"), and
// what the page at /status needs: /status/events and /status/history. It lives on the main thread's
// loop, so it answers while the workers are busy. Main thread only.
#pragma once

#include <memory>

#include "server/sampler.h"
#include "server/status_stream.h"
#include "server/view.h"
#include "sluice/event/loop.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/net/network.h"
#include "sluice/server/exchange.h"
#include "sluice/server/session_set.h"

namespace sluice::server {

class Admin final : private Dispatcher {
 public:
  // `view` is complete, is read at each request and outlives this.
  Admin(event::Loop& loop, net::Network& network, const GatewayView& view);

  // Returns where it really listens.
  [[nodiscard]] Result<net::Endpoint> Listen(const net::Endpoint& endpoint);
  // Cuts everything; destroy it in a later turn.
  void Close();

 private:
  [[nodiscard]] std::unique_ptr<RequestHandler> Dispatch(Exchange& exchange) override;
  void OnRequestDone(const RequestSummary&) override {}
  void OnSampled();

  const GatewayView& view_;
  net::Network& network_;
  SessionSettings settings_;
  event::TimerWheel timers_;
  Sampler sampler_;
  StatusStream status_stream_;
  SessionSet sessions_;
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace sluice::server
