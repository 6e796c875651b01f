// GET /status/events: the status as server-sent events, for the page at /status. It is a gateway of
// one topic in small, made of the parts that serve clients: who watches it is kept, resumed,
// bounded and dropped as a subscriber is, yet is counted apart from the clients and takes nothing
// from the workers. Main thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/access.h"
#include "server/generation.h"
#include "server/request_warnings.h"
#include "server/topic_handler.h"
#include "sluice/event/loop.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/pubsub/hub.h"
#include "sluice/pubsub/ingest.h"
#include "sluice/routing/router.h"
#include "sluice/server/exchange.h"

namespace sluice::server {

class StatusStream {
 public:
  static constexpr const char* kPath = "/status/events";
  static constexpr uint32_t kMaxViewers = 16;  // one more is answered 503

  // Both outlive this.
  StatusStream(event::Loop& loop, event::TimerWheel& timers);

  // Answers a request for kPath.
  [[nodiscard]] std::unique_ptr<RequestHandler> Dispatch(Exchange& exchange);
  // To everyone who watches. `json` is one JSON value. A viewer that is too slow for it gets the
  // newest one only.
  void Send(std::string json);
  [[nodiscard]] size_t viewers() const { return hub_.subscribers(); }
  // Cuts all viewers; destroy it in a later turn.
  void Close() { hub_.CloseAll(pubsub::CloseReason::kStopped); }

 private:
  TopicLedger ledger_{1};
  GenerationPtr generation_;
  pubsub::ProcessCounts counts_;
  pubsub::Ingest ingest_;
  pubsub::Hub hub_;
  // The admin listener asks for no token, and no page of another origin may look.
  TokenMemory tokens_;
  Access access_;
  http::Redactor redactor_;
  RequestWarnings warnings_;
  Limiter limiter_;
  TopicEnvironment environment_;
};

}  // namespace sluice::server
