// The client connections of one worker that are in HTTP: counted, found and closed here. Streams
// that became subscriptions have left it. Worker-thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "sluice/event/loop.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/http/request_parser.h"
#include "sluice/net/stream.h"
#include "sluice/server/exchange.h"

namespace sluice::server {

class Session;
class TransactionStock;

struct SessionSettings {
  http::RequestLimits limits;
  uint32_t header_timeout_ms = 10'000;  // accept or first byte to the whole head: 408
  uint32_t body_timeout_ms = 10'000;    // silence inside a body: 408
  uint32_t idle_timeout_ms = 75'000;    // between two requests: closed without a word
  uint32_t write_timeout_ms = 30'000;   // an answer of which the client takes nothing: closed
};

// What the sessions share; all of it outlives them.
struct SessionEnvironment {
  event::Loop& loop;
  event::TimerWheel& timers;
  Dispatcher& dispatcher;
  const SessionSettings& settings;
};

class SessionSet {
 public:
  // Connection ids count up from `first_id`: give each worker a range of its own.
  SessionSet(SessionEnvironment environment, uint64_t first_id);
  ~SessionSet();  // cuts what is open
  SessionSet(const SessionSet&) = delete;
  SessionSet& operator=(const SessionSet&) = delete;

  // Serves HTTP/1.1 on a connection that was just accepted; see Exchange::over_limit.
  void Add(std::unique_ptr<net::Stream> stream, bool over_limit = false);
  [[nodiscard]] size_t size() const { return sessions_.size(); }

  // From now on each connection is closed after the request that it is in; those that wait for a
  // further request are closed at once. What is added later gets one request.
  void Drain();
  // Cuts all connections. Handlers get OnClientGone.
  void CloseAll();

 private:
  friend class Session;
  // The session's last act.
  void Remove(Session& session);

  SessionEnvironment environment_;
  std::shared_ptr<TransactionStock> transactions_;  // what requests left for the next ones
  std::vector<std::unique_ptr<Session>> sessions_;  // dense; each knows its index
  uint64_t next_id_;
  bool draining_ = false;
};

}  // namespace sluice::server
