#include "config/read_limits.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "config/read_headers.h"

namespace sluice::config {
namespace {

constexpr Range kRequests = {0, 1'000'000};
constexpr uint64_t kMaxConnections = 1'000'000;
constexpr std::array<std::pair<std::string_view, uint32_t>, 3> kIntervals = {
    {{"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}}};

void ReadBy(Section& section, bool has_scheme, LimitKey& out) {
  const Value* value = section.Find("by");
  if (value == nullptr) return;
  Reader& reader = section.reader();
  if (value->node->kind == YamlNode::Kind::kMap) {
    reader.Map(*value, [&](Section& by) {
      const Value* cookie = by.Require("cookie");
      const std::optional<std::string> name = cookie ? reader.Text(*cookie) : std::nullopt;
      if (!name) return;
      if (!IsToken(*name)) return reader.FailQuoting(*cookie, "is not a cookie's name");
      out = {LimitKey::Kind::kCookie, *name};
    });
    return;
  }
  const std::optional<std::string> text = reader.Text(*value);
  if (!text) return;
  if (*text == "address") {
    out = {};
  } else if (*text == "token") {
    out = {LimitKey::Kind::kToken, {}};
    if (!has_scheme) reader.Fail(*value, "token needs `auth: NAME`: without it no token is read");
  } else {
    reader.FailQuoting(*value, "is not one of: address, token, {cookie: NAME}");
  }
}

void ReadRate(Section& section, RequestRate& out) {
  const Value* value = section.Find("rate");
  if (value == nullptr) return;
  Reader& reader = section.reader();
  const std::optional<std::string> text = reader.Text(*value);
  if (!text) return;
  const size_t slash = text->find('/');
  const std::string_view unit =
      slash == std::string::npos ? std::string_view() : std::string_view(*text).substr(slash + 1);
  const auto interval = std::find_if(kIntervals.begin(), kIntervals.end(),
                                     [unit](const auto& known) { return known.first == unit; });
  const auto number =
      ParseQuantity(Unit::kCount, std::string_view(*text).substr(0, slash), kRequests);
  if (interval == kIntervals.end() || !number) {
    return reader.FailQuoting(
        *value, "is not a rate such as 10/s, 600/m or 1000/h, with a number up to 1000000");
  }
  out.requests = static_cast<uint32_t>(*number);
  out.interval_ms = interval->second;
}

}  // namespace

void ReadRequestRate(Section& limits, std::string_view key, bool has_scheme, RequestRate& out) {
  limits.Map(key, [&](Section& requests) {
    ReadRate(requests, out);
    requests.Count("burst", out.burst, kRequests);
    ReadBy(requests, has_scheme, out.by);
  });
}

void ReadRateLimits(Section& limits, bool has_scheme, RateLimits& out) {
  ReadRequestRate(limits, "requests", has_scheme, out.requests);
  limits.Map("connections", [&](Section& connections) {
    connections.Count("max", out.connections.max, {0, kMaxConnections});
    ReadBy(connections, has_scheme, out.connections.by);
  });
  limits.Choice<LimitAnswer>("refuse", out.refuse,
                             {{"status", LimitAnswer::kStatus}, {"retry", LimitAnswer::kRetry}});
}

}  // namespace sluice::config
