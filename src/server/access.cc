#include "server/access.h"

#include <algorithm>
#include <cassert>

#include <fmt/format.h>

#include "sluice/base/clock.h"
#include "sluice/base/log.h"
#include "sluice/http/response.h"
#include "sluice/proxy/forward_request.h"

namespace sluice::server {
namespace {

using auth::Denial;

// Query names under which polyfills send the last id.
constexpr std::string_view kLastIdNames[] = {"lastEventId", "last_event_id", "Last-Event-ID"};

http::Response Answer(Denial denial) {
  const int status = auth::StatusOf(denial);
  if (status == 204) {
    return {.status = status, .headers = {{"Cache-Control", "no-store"}}, .body = {}};
  }
  http::Response response = http::ErrorResponse(status, auth::DetailOf(denial));
  if (status == 401) {
    // RFC 9110 11.6.1, RFC 6750 3.
    response.headers.emplace_back("WWW-Authenticate",
                                  denial == Denial::kMissing
                                      ? "Bearer realm=\"sluice\""
                                      : "Bearer realm=\"sluice\", error=\"invalid_token\"");
  }
  return response;
}

}  // namespace

std::string LastEventId(const http::Request& request) {
  const auto header = request.Header("Last-Event-ID");
  if (header && !header->empty()) return std::string(*header);
  for (const std::string_view name : kLastIdNames) {
    auto value = request.Query(name);
    if (value && !value->empty()) return *std::move(value);
  }
  return {};
}

std::optional<auth::Identity> Access::Admit(Exchange& exchange, std::string_view scheme,
                                            auth::Right right, std::string_view topic) {
  if (scheme.empty()) return auth::Identity();
  const auth::Scheme* found = generation_->schemes().Find(scheme);
  assert(found != nullptr);
  const http::Request& request = exchange.request();
  const uint64_t now_ms = WallMs();
  auth::Verdict verdict = found->Check(request, now_ms);
  const std::optional<Denial> denial = Judge(verdict, request, right, topic, now_ms);
  exchange.set_subject(verdict.identity.subject);
  if (!denial) return std::move(verdict.identity);
  Refuse(exchange, *denial);
  return std::nullopt;
}

std::optional<Denial> Access::Judge(const auth::Verdict& verdict, const http::Request& request,
                                    auth::Right right, std::string_view topic, uint64_t now_ms) {
  const auth::Identity& identity = verdict.identity;
  const bool is_past = identity.expires_ms != 0 && now_ms >= identity.expires_ms;
  if (right == auth::Right::kRead && is_past) {
    // One that was streaming elsewhere, or before a restart, is known by the id that it has.
    const bool was_streaming =
        memory_.spent.Has(identity.fingerprint) ||
        (verdict.denial == Denial::kExpired && !LastEventId(request).empty());
    if (was_streaming) return Denial::kSpent;
  }
  if (verdict.denial) return verdict.denial;
  if (right == auth::Right::kPublish && identity.place == config::TokenPlace::Kind::kCookie &&
      ComesFromElsewhere(request)) {
    return Denial::kCrossOrigin;
  }
  if (!identity.May(right, topic)) return Denial::kForbidden;
  return std::nullopt;
}

// Browsers add cookies to what pages of other origins send, and say so in Origin (Fetch 3.2).
bool Access::ComesFromElsewhere(const http::Request& request) const {
  const auto origin = request.Header("Origin");
  if (!origin) return false;
  const size_t authority = origin->find("://");
  if (authority != std::string_view::npos &&
      http::EqualsIgnoreCase(origin->substr(authority + 3), request.host())) {
    return false;
  }
  const auto& cors = generation_->config().cors;
  if (!cors) return true;
  const auto& origins = cors->origins;
  return std::find(origins.begin(), origins.end(), *origin) == origins.end();
}

void Access::Refuse(Exchange& exchange, Denial denial) {
  stats_[static_cast<size_t>(denial)].Add();
  if (LogEnabled(LogLevel::kDebug)) {
    LogDebug("request refused id={} client={} status={} reason={}", exchange.connection_id(),
             exchange.peer().ToString(), auth::StatusOf(denial), auth::Name(denial));
  }
  const net::PeerAddress client =
      proxy::ClientAddress(exchange.request(), generation_->config().forwarding, exchange.peer());
  const auto wait_ms = memory_.failures.Count(client.ClientNetwork(), MonotonicNs() / 1'000'000);
  if (!wait_ms) {
    exchange.Respond(Answer(denial));
    return;
  }
  stats_[static_cast<size_t>(Denial::kLimited)].Add();
  http::Response response = Answer(Denial::kLimited);
  response.headers.emplace_back("Retry-After", fmt::format("{}", (*wait_ms + 999) / 1000));
  exchange.Respond(std::move(response));
}

}  // namespace sluice::server
