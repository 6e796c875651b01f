// One upstream as one worker sees it: its servers, which of them is next, their kept connections
// and the requests that wait for one. Loop-thread only. What all workers know together of a server
// is in its ServerState.
#pragma once

#include <cstdint>
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

  // Of what is left of an answer's body that nobody wants, and how long it is waited for.
  static constexpr uint64_t kReadOutBytes = uint64_t{64} * 1024;
  static constexpr uint64_t kReadOutMs = 1'000;
  // The end of a call whose answer has begun and is of no use any more: its handler gets nothing
  // more. What is left of the body is read and thrown away, so that the connection can be kept; one
  // that has more to bring than kReadOutBytes, or takes longer than kReadOutMs, is closed. Allowed
  // in callbacks of the call. REQUIRES: the call is one of Start's.
  virtual void ReadOut(std::unique_ptr<Call> call) = 0;
};

}  // namespace sluice::proxy
