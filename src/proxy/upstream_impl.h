// proxy::Upstream: the servers of one worker, the pool of connections to them, and the calls that
// wait for a place or for a turn of their own. Loop-thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "proxy/balancer.h"
#include "proxy/dialer.h"
#include "proxy/pool.h"
#include "proxy/server_list.h"
#include "proxy/spent_answers.h"
#include "sluice/base/log_throttle.h"
#include "sluice/event/loop.h"
#include "sluice/http/response_parser.h"
#include "sluice/proxy/upstream.h"
#include "sluice/proxy/upstream_state.h"

namespace sluice::proxy {

class CallImpl;

class UpstreamImpl final : public Upstream {
 public:
  UpstreamImpl(const UpstreamEnvironment& environment, std::shared_ptr<UpstreamState> state);
  ~UpstreamImpl() override;
  UpstreamImpl(const UpstreamImpl&) = delete;
  UpstreamImpl& operator=(const UpstreamImpl&) = delete;

  [[nodiscard]] const config::Upstream& config() const override { return state_->config(); }
  void Retire() override;
  [[nodiscard]] std::unique_ptr<Call> Start(CallRequest request, CallHandler& handler) override;
  void ReadOut(std::unique_ptr<Call> call) override;

  // --- for calls ---
  [[nodiscard]] const UpstreamEnvironment& environment() const { return environment_; }
  [[nodiscard]] const std::shared_ptr<UpstreamState>& state() const { return state_; }
  [[nodiscard]] UpstreamStats& stats() { return *stats_; }
  [[nodiscard]] Balancer& balancer() { return balancer_; }
  [[nodiscard]] Pool& pool() { return pool_; }
  [[nodiscard]] const ServerList& servers() const { return servers_; }
  [[nodiscard]] const Dialer& dialer() const { return dialer_; }
  [[nodiscard]] std::unique_ptr<Connection> MakeConnection(Server& server,
                                                           std::unique_ptr<net::Stream> stream);

  // The connection of a call that ends, with the call's place at the server.
  [[nodiscard]] std::unique_ptr<net::Stream> HandOver(Server& server,
                                                      std::unique_ptr<net::Stream> stream);

  // Waits for a place, which may be there at once; false if the queue is full.
  [[nodiscard]] bool Enqueue(CallImpl& call);
  void Dequeue(CallImpl& call);
  void OnPlaceFree();
  void OnServerFailed(Server& server, bool probe, const CallFailure& failure);
  // CallImpl::OnTurn comes in the next turn.
  void GiveTurn(CallImpl& call);
  // The call is being destroyed.
  void Forget(CallImpl& call);

 private:
  // Whether others came before a call that begins.
  [[nodiscard]] bool MustWait() const {
    return !queue_.empty() || (place_waker_ != nullptr && !state_->line().empty());
  }
  void ServeQueue();
  void OnPlaceOffered();
  void RunTurns();

  const UpstreamEnvironment environment_;
  const std::shared_ptr<UpstreamState> state_;
  const std::shared_ptr<UpstreamStats> stats_;
  const http::ResponseLimits limits_;
  ServerList servers_;
  Dialer dialer_;
  Pool pool_;
  SpentAnswers spent_;  // as many as connections are kept
  Balancer balancer_;
  std::deque<CallImpl*> queue_;  // first come, first served
  // For offers of places, while there is a queue. Null without max_connections.
  std::unique_ptr<event::Waker> place_waker_;
  std::vector<CallImpl*> turns_;    // null: gone
  std::vector<CallImpl*> running_;  // the turns of this turn, likewise
  std::unique_ptr<event::Idle> turn_;
  LogThrottle failed_line_;
  LogThrottle full_line_;
  size_t calls_ = 0;
};

}  // namespace sluice::proxy
