#include "cli/explain_limits.h"

#include <fmt/format.h>

namespace sluice::cli {
namespace {

std::string Describe(const config::LimitKey& by) {
  switch (by.kind) {
    case config::LimitKey::Kind::kAddress:
      break;
    case config::LimitKey::Kind::kToken:
      return "token";
    case config::LimitKey::Kind::kCookie:
      return "cookie " + by.name;
  }
  return "address";
}

std::string_view UnitOf(uint32_t interval_ms) {
  return interval_ms == 1'000 ? "second" : interval_ms == 60'000 ? "minute" : "hour";
}

void Append(std::string& out, std::string_view part) {
  out += out.empty() ? "" : "; ";
  out += part;
}

}  // namespace

std::string DescribeClientLimits(const config::Limits& process, const config::RateLimits& own,
                                 std::string_view what) {
  std::string text;
  if (process.per_ip > 0) Append(text, fmt::format("{} connections by address", process.per_ip));
  const bool is_own = own.requests.requests > 0;
  const config::RequestRate& rate = is_own ? own.requests : process.requests;
  if (rate.requests > 0) {
    Append(text, fmt::format("{} requests a {} by {}, {} at once{}", rate.requests,
                             UnitOf(rate.interval_ms), Describe(rate.by),
                             rate.burst > 0 ? rate.burst : rate.requests,
                             is_own ? "" : " (limits.requests)"));
  }
  if (own.connections.max > 0) {
    Append(text,
           fmt::format("{} {} by {}", own.connections.max, what, Describe(own.connections.by)));
  }
  if (text.empty()) return text;
  Append(text, own.refuse == config::LimitAnswer::kRetry ? "then a stream that ends with a retry"
                                                         : "then 429");
  return text;
}

}  // namespace sluice::cli
