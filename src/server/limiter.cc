#include "server/limiter.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "server/accept_header.h"
#include "sluice/base/random.h"
#include "sluice/sse/encoder.h"

namespace sluice::server {
namespace {

// Over limits.per_ip an address still gets answers on this share more of connections; further ones
// are cut.
constexpr uint32_t kAnsweredShare = 16;

// Keeps equal bytes of different kinds apart, whatever a client writes into a cookie.
constexpr uint64_t kKindStep = 0x9E3779B97F4A7C15U;

std::string_view AdviceOn(Limit limit) {
  switch (limit) {
    case Limit::kPerIp:
      return "raise limits.per_ip if many clients share an address";
    case Limit::kRequests:
      return "raise the `rate` or `burst` of limits.requests if it does nothing wrong";
    case Limit::kConnections:
      break;
  }
  return "raise the `max` of limits.connections if it does nothing wrong";
}

std::string_view DetailOf(Limit limit) {
  switch (limit) {
    case Limit::kPerIp:
      return "there are too many connections from this address";
    case Limit::kRequests:
      return "there were too many requests from this client";
    case Limit::kConnections:
      break;
  }
  return "this client has too many connections here";
}

}  // namespace

http::Response EndedStream(uint32_t retry_ms) {
  http::Response response = http::StreamHeadResponse();
  response.unknown_length = false;
  response.close = true;
  sse::AppendRetry(response.body, retry_ms);
  return response;
}

ProcessLimits::ProcessLimits(const config::Config& config, const ProcessLimits* before)
    : hash(before != nullptr ? before->hash : std::make_shared<const KeyedHash>()),
      tables_(before != nullptr ? before->tables_ : std::make_shared<Tables>()) {
  const uint32_t size = config.limits.connections;
  if (config.limits.per_ip != 0) addresses = PlacesOf("per_ip", size);
  rest.name = "-";
  rest.limits.requests = config.limits.requests;
  rest.requests = RateOf("rest", config.limits.requests);
  for (const config::Topic& topic : config.topics) {
    LimitScope& scope = topics.emplace_back(MakeScope("topic", topic.name, topic.limits, size));
    scope.stream = true;
    scope.retry_base_ms = topic.retry_base_ms;
    scope.retry_jitter_ms = topic.retry_jitter_ms;
  }
  for (const config::Route& route : config.routes) {
    routes.push_back(MakeScope("route", route.name, route.limits, size));
  }
}

LimitScope ProcessLimits::MakeScope(std::string_view kind, std::string_view name,
                                    const config::RateLimits& limits, size_t connections) {
  const std::string key = fmt::format("{} {}", kind, name);
  LimitScope scope;
  scope.name = name;
  scope.limits = limits;
  scope.requests = RateOf(key, limits.requests);
  if (scope.requests == nullptr) {
    scope.limits.requests = rest.limits.requests;
    scope.requests = rest.requests;
  }
  if (limits.connections.max != 0) scope.connections = PlacesOf(key, connections);
  return scope;
}

std::shared_ptr<PlaceTable> ProcessLimits::PlacesOf(const std::string& name, size_t size) {
  std::shared_ptr<PlaceTable>& table = tables_->places[name];
  if (table == nullptr) table = std::make_shared<PlaceTable>(size);
  return table;
}

// Another rate begins to count anew.
std::shared_ptr<RateTable> ProcessLimits::RateOf(const std::string& name,
                                                 const config::RequestRate& rate) {
  if (rate.requests == 0) return nullptr;
  auto& [known, table] = tables_->rates[name];
  if (table == nullptr || !(known == rate)) {
    known = rate;
    table = std::make_shared<RateTable>(
        Rate{.events = rate.requests, .interval_ms = rate.interval_ms, .burst = rate.burst});
  }
  return table;
}

Limiter::Arrival Limiter::Accept(net::Stream& stream) {
  const uint32_t max = config_->limits.per_ip;
  const std::string_view network = stream.peer().ClientNetwork();
  if (max == 0 || network.empty() || config_->forwarding.Trusts(stream.peer())) {
    return Arrival::kAdmitted;
  }
  PlaceTable::Taken taken = process_->addresses->Take((*process_->hash)(network));
  if (taken.count <= max) {
    stream.Hold(std::move(taken.place));
    return Arrival::kAdmitted;
  }
  if (taken.count > max + max / kAnsweredShare + 1) {
    stats_[static_cast<size_t>(Limit::kPerIp)].Add();
    return Arrival::kCut;
  }
  stream.Hold(std::move(taken.place));
  return Arrival::kAnswered;
}

void Limiter::RefuseConnection(Exchange& exchange) {
  Refuse(process_->rest, exchange, Limit::kPerIp, process_->rest.retry_base_ms);
}

bool Limiter::AdmitRequest(const LimitScope& scope, Exchange& exchange,
                           const net::PeerAddress& client, const auth::Identity* identity) {
  if (scope.requests == nullptr) return true;
  const config::LimitKey& by = scope.limits.requests.by;
  if ((identity != nullptr) != (by.kind == config::LimitKey::Kind::kToken)) return true;
  const auto key = KeyOf(by, exchange.request(), client, identity);
  if (!key) return true;
  const auto wait_ms = scope.requests->Take(*key, loop_.NowMs());
  if (!wait_ms) return true;
  Refuse(scope, exchange, Limit::kRequests, *wait_ms);
  return false;
}

std::optional<Place> Limiter::AdmitConnection(const LimitScope& scope, Exchange& exchange,
                                              const net::PeerAddress& client,
                                              const auth::Identity& identity) {
  if (scope.connections == nullptr) return Place();
  const auto key = KeyOf(scope.limits.connections.by, exchange.request(), client, &identity);
  if (!key) return Place();
  PlaceTable::Taken taken = scope.connections->Take(*key);
  if (taken.count <= scope.limits.connections.max) return std::move(taken.place);
  Refuse(scope, exchange, Limit::kConnections, scope.retry_base_ms);
  return std::nullopt;
}

std::optional<uint64_t> Limiter::KeyOf(const config::LimitKey& by, const http::Request& request,
                                       const net::PeerAddress& client,
                                       const auth::Identity* identity) const {
  const auto key = [this](config::LimitKey::Kind kind, std::string_view bytes) {
    return (*process_->hash)(bytes) + static_cast<uint64_t>(kind) * kKindStep;
  };
  if (by.kind == config::LimitKey::Kind::kCookie) {
    const auto cookie = request.Cookie(by.name);
    if (cookie && !cookie->empty()) return key(by.kind, *cookie);
  }
  if (by.kind == config::LimitKey::Kind::kToken && identity != nullptr &&
      identity->fingerprint != 0) {
    const auto* const bytes = reinterpret_cast<const char*>(&identity->fingerprint);
    return key(by.kind, {bytes, sizeof identity->fingerprint});
  }
  const std::string_view network = client.ClientNetwork();
  if (network.empty()) return std::nullopt;
  return key(config::LimitKey::Kind::kAddress, network);
}

void Limiter::Refuse(const LimitScope& scope, Exchange& exchange, Limit limit, uint64_t wait_ms) {
  stats_[static_cast<size_t>(limit)].Add();
  const uint64_t retry_ms = wait_ms + RandomBelow(uint64_t{scope.retry_jitter_ms} + 1);
  const bool as_stream =
      limit != Limit::kPerIp && scope.limits.refuse == config::LimitAnswer::kRetry &&
      exchange.request().method() == http::Method::kGet &&
      (scope.stream || NamesEventStream(exchange.request().Header("Accept").value_or("")));
  const int status = as_stream ? 200 : 429;
  warnings_.Warn(RequestWarnings::Kind::kLimit, exchange, status, scope.name, DetailOf(limit),
                 AdviceOn(limit));
  if (as_stream) {
    exchange.Respond(EndedStream(static_cast<uint32_t>(retry_ms)));
    return;
  }
  http::Response response = http::ErrorResponse(status, DetailOf(limit));
  response.headers.emplace_back("Retry-After", fmt::format("{}", (retry_ms + 999) / 1000));
  response.close = limit == Limit::kPerIp;
  exchange.Respond(std::move(response));
}

}  // namespace sluice::server
