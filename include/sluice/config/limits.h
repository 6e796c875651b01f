// How much of a topic or route one client may have. See config/config.h; conf/reference.yaml says
// what each key does.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::config {

// What counts as one client. A request without the token or cookie is counted by its address.
struct LimitKey {
  enum class Kind : uint8_t { kAddress, kToken, kCookie };
  Kind kind = Kind::kAddress;
  std::string name;  // of the cookie
  bool operator==(const LimitKey&) const = default;
};

struct RequestRate {
  uint32_t requests = 0;         // in each interval; 0: no limit
  uint32_t interval_ms = 1'000;  // a second, a minute or an hour
  uint32_t burst = 0;            // at once; 0: as many as in an interval
  LimitKey by;
  bool operator==(const RequestRate&) const = default;
};

// Of a topic: streams. Of a route: requests that are being answered.
struct ConnectionLimit {
  uint32_t max = 0;  // at a time; 0: no limit
  LimitKey by;
  bool operator==(const ConnectionLimit&) const = default;
};

// How a client over its limit is answered: 429, or, if it wants an event stream, one that ends at
// once and says when to come back.
enum class LimitAnswer : uint8_t { kStatus, kRetry };

// topics.*.limits, routes[].limits
struct RateLimits {
  RequestRate requests;  // without a limit: limits.requests
  ConnectionLimit connections;
  LimitAnswer refuse = LimitAnswer::kStatus;
  bool operator==(const RateLimits&) const = default;
};

}  // namespace sluice::config
