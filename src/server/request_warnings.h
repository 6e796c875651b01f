// Lines of the error log about requests that were not served although their clients did nothing
// wrong: who asked, for what, why not, and what to do. What a client itself did wrong is in the
// access log only. Each kind is written once a second at most. Worker-thread only; each worker has
// its own.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sluice/base/log_throttle.h"
#include "sluice/event/loop.h"
#include "sluice/http/redact.h"
#include "sluice/server/exchange.h"

namespace sluice::server {

class RequestWarnings {
 public:
  enum class Kind : uint8_t {
    kConnections,  // limits.connections
    kRoom,         // a limit of subscribers or topics
    kSubscribe,    // the broker does not let in
    kPublish,      // the broker does not take
    kUpstream,     // an app does not answer, or not as it should
    kLimit,        // a limit of one client
  };

  // Both outlive this.
  RequestWarnings(event::Loop& loop, const http::Redactor& redactor)
      : loop_(loop), redactor_(redactor) {}

  // Before the answer, whose status is given. `why` may be a peer's text; `advice` is ours.
  void Warn(Kind kind, const Exchange& exchange, int status, std::string_view route,
            std::string_view why, std::string_view advice);

 private:
  static constexpr size_t kKinds = 6;

  event::Loop& loop_;
  const http::Redactor& redactor_;
  std::array<LogThrottle, kKinds> throttles_;
};

}  // namespace sluice::server
