// One worker: its listeners, its connections and its hub, on one loop. It shares nothing with the
// other workers but the config, the ingest thread's inbox and some counts. Its loop's thread only,
// unless a method says otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "server/access.h"
#include "server/access_log.h"
#include "server/auth_cache.h"
#include "server/generation.h"
#include "server/limiter.h"
#include "server/proxy_handler.h"
#include "server/publish_handler.h"
#include "server/request_warnings.h"
#include "server/topic_handler.h"
#include "sluice/base/counter.h"
#include "sluice/base/log_throttle.h"
#include "sluice/config/config.h"
#include "sluice/event/loop.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/net/network.h"
#include "sluice/proxy/upstream_set.h"
#include "sluice/pubsub/hub.h"
#include "sluice/server/exchange.h"
#include "sluice/server/http_stats.h"
#include "sluice/server/session_set.h"

namespace sluice::server {

// What all workers share. Outlives them.
struct WorkerShared {
  pubsub::IngestInbox& ingest;
  pubsub::ProcessCounts& counts;
  // Connections of each worker, as of about a second ago: by worker, each written by its own.
  std::vector<Counter>& connections;
  TokenMemory& tokens;
};

class Worker final : private Dispatcher {
 public:
  Worker(event::Loop& loop, net::Network& network, uint32_t index, const WorkerShared& shared,
         const GenerationPtr& generation);
  ~Worker() override = default;  // REQUIRES: Close, in an earlier turn

  // Opens a listener, by a number of the caller's. Returns where it really listens.
  [[nodiscard]] Result<net::Endpoint> Listen(uint64_t number, const net::Endpoint& endpoint,
                                             const config::Limits& limits);
  // Connections that it has accepted go on. Nothing happens if there is none of that number.
  void CloseListener(uint64_t number) { listeners_.erase(number); }

  // Stops accepting, ends the streams over `spread_ms` and requests after their answer; then calls
  // `drained`.
  void Drain(uint64_t spread_ms, std::function<void()> drained);

  // After a reload. Requests that have begun go on with what they began with.
  void SetGeneration(const GenerationPtr& generation);

  // Cuts everything. Handlers still refer to this worker: destroy it in a later turn of the loop.
  void Close();

  // Any thread.
  [[nodiscard]] pubsub::HubInbox& hub_inbox() { return hub_.inbox(); }
  [[nodiscard]] const pubsub::HubStats& hub_stats() const { return hub_.stats(); }
  [[nodiscard]] const HttpStats& http_stats() const { return http_stats_; }
  [[nodiscard]] const AuthStats& auth_stats() const { return access_.stats(); }
  [[nodiscard]] const LimitStats& limit_stats() const { return limiter_.stats(); }
  [[nodiscard]] uint64_t connections() const { return shared_.connections[index_].Get(); }
  [[nodiscard]] uint64_t accepted() const { return accepted_.Get(); }
  [[nodiscard]] uint64_t refused() const { return refused_.Get(); }

 private:
  // Dispatcher
  [[nodiscard]] std::unique_ptr<RequestHandler> Dispatch(Exchange& exchange) override;
  void Decorate(const http::Request& request, http::Response& response) override;
  void OnRequestDone(const RequestSummary& summary) override;
  void OnStreamTaken(const RequestSummary& summary) override;

  void OnAccepted(std::unique_ptr<net::Stream> stream);
  void OnExhausted(bool exhausted);
  void CountConnections();
  [[nodiscard]] uint64_t AllConnections() const;
  void Adopt(const GenerationPtr& generation);
  // The same generation, as requests of this worker hold it.
  [[nodiscard]] GenerationPtr Own(const GenerationPtr& generation);
  [[nodiscard]] const config::Config& config() const { return generation_->config(); }
  [[nodiscard]] std::unique_ptr<RequestHandler> DispatchTopic(const routing::Match& match,
                                                              Exchange& exchange);
  // After an X-Accel-Redirect.
  [[nodiscard]] std::unique_ptr<RequestHandler> DispatchRedirect(
      Exchange& exchange, const proxy::RedirectTarget& target);
  void AnswerDemo(Exchange& exchange);
  void CheckDrained();

  event::Loop& loop_;
  net::Network& network_;
  uint32_t index_;
  const WorkerShared& shared_;
  event::TimerWheel timers_;
  std::shared_ptr<proxy::UpstreamSet> upstreams_;  // of generation_, which keeps it too
  GenerationPtr generation_;
  SessionSettings session_settings_;
  HttpStats http_stats_;
  http::Redactor redactor_;
  std::optional<AccessLog> access_log_;
  Counter accepted_;
  Counter refused_;
  LogThrottle exhausted_line_;
  LogThrottle recovered_line_;
  RequestWarnings warnings_;
  Access access_;
  Limiter limiter_;
  pubsub::Hub hub_;
  pubsub::Stamper stamper_;
  TopicEnvironment topic_environment_;
  PublishEnvironment publish_environment_;
  AuthCache auth_cache_;
  ProxyEnvironment proxy_environment_;
  SessionSet sessions_;
  std::map<uint64_t, std::unique_ptr<net::Listener>> listeners_;
  std::unique_ptr<event::Timer> tick_;
  bool draining_ = false;
  bool hub_drained_ = false;
  std::function<void()> drained_;
  std::unique_ptr<event::Timer> drain_check_;
};

}  // namespace sluice::server
