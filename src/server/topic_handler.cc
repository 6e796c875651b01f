#include "server/topic_handler.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "server/accept_header.h"
#include "sluice/base/clock.h"
#include "sluice/base/log.h"
#include "sluice/http/response.h"
#include "sluice/proxy/forward_request.h"
#include "sluice/pubsub/message.h"
#include "sluice/sse/encoder.h"

namespace sluice::server {
namespace {

constexpr std::string_view kAllow = "GET, HEAD, OPTIONS";
pubsub::Filter ReadFilter(const config::Topic& topic, const http::Request& request) {
  pubsub::Filter filter;
  bool any = false;
  for (const std::string& name : topic.filter) {
    filter.values.push_back(request.Query(name));
    any = any || filter.values.back().has_value();
  }
  if (!any) filter.values.clear();
  return filter;
}

http::Response Unavailable(std::string_view detail, const config::Topic& topic) {
  http::Response response = http::ErrorResponse(503, detail);
  // In whole seconds, spread like the `retry:` of a stream.
  response.headers.emplace_back("Retry-After",
                                fmt::format("{}", (pubsub::RetryHint(topic) + 999) / 1000));
  return response;
}

class TopicRequest final : public RequestHandler,
                           private pubsub::Waiter,
                           private event::TimerWheel::Handler {
 public:
  TopicRequest(const TopicEnvironment& environment, uint32_t index, auth::Identity identity,
               Place place, Exchange& exchange)
      : environment_(environment),
        generation_(environment.generation),
        entry_(generation_->topics()[index]),
        topic_config_(entry_->config),
        greeting_(generation_->greeting(index)),
        identity_(std::move(identity)),
        place_(std::move(place)),
        exchange_(&exchange),
        timeout_(*this) {}

  // False if it was answered at once.
  [[nodiscard]] bool Begin(const std::string& channel) {
    environment_.timers.Arm(timeout_, topic_config_.subscribe_timeout_ms);
    environment_.hub.Await(entry_, channel, *this);
    return exchange_ != nullptr;
  }

  // An SSE client that has ended its side is gone.
  void OnClientEnd() override { std::exchange(exchange_, nullptr)->Close(); }
  void OnClientGone() override { exchange_ = nullptr; }

 private:
  void OnLive(pubsub::Topic& topic) override {
    // The hub may call after the client has gone and before this object is deleted.
    if (exchange_ == nullptr) return;
    timeout_.Cancel();
    Exchange& exchange = *std::exchange(exchange_, nullptr);
    if (const Result<> room = environment_.hub.CheckRoom(topic); !room) {
      Refuse(exchange, room.error());
      return;
    }
    const http::Request& request = exchange.request();
    pubsub::Subscription subscription;
    subscription.connection_id = exchange.connection_id();
    const bool chunked = request.minor_version() >= 1;
    subscription.framing = chunked ? pubsub::Framing::kChunked : pubsub::Framing::kPlain;
    subscription.filter = ReadFilter(topic_config_, request);
    subscription.last_event_id = LastEventId(request);
    subscription.first_bytes = FirstBytes(chunked, exchange);
    SetExpiry(subscription);
    subscription.subject = std::move(identity_.subject);
    subscription.stream = exchange.TakeStream();
    subscription.place = std::move(place_);
    environment_.hub.Attach(topic, std::move(subscription));
  }

  void OnRefused(const Error& error) override {
    if (exchange_ == nullptr) return;
    timeout_.Cancel();
    Exchange& exchange = *std::exchange(exchange_, nullptr);
    if (error.code == Errc::kClosed) {
      // A reload came in between: it has to ask again, and a browser does so only after a stream.
      exchange.Respond(EndedStream(pubsub::RetryHint(topic_config_)));
      return;
    }
    Refuse(exchange, error);
  }

  void OnTimeout(event::TimerWheel::Node&) override {
    if (exchange_ == nullptr) return;
    Refuse(*std::exchange(exchange_, nullptr),
           {Errc::kTimeout, IsOfUpstream()
                                ? "the upstream did not open its stream in time"
                                : "the broker did not acknowledge the subscription in time"});
  }

  [[nodiscard]] bool IsOfUpstream() const {
    return topic_config_.source == config::Source::kUpstream;
  }

  void Refuse(Exchange& exchange, const Error& error) const {
    if (error.code == Errc::kEnded) {
      // Nothing more will come: an EventSource that gets this stays away (WHATWG HTML 9.2.3).
      exchange.Respond({.status = 204, .headers = {{"Cache-Control", "no-store"}}, .body = {}});
      return;
    }
    const bool limit = error.code == Errc::kLimit;
    environment_.warnings.Warn(
        limit ? RequestWarnings::Kind::kRoom : RequestWarnings::Kind::kSubscribe, exchange, 503,
        topic_config_.name, error.message,
        limit ? "raise limits.subscribers, topics.*.limits.subscribers or topics.*.limits.topics, "
                "or add gateways"
        : IsOfUpstream() ? "see what the log says of its upstream before this"
                         : "see what the log says of Redis before this");
    exchange.Respond(Unavailable(error.message, topic_config_));
  }

  [[nodiscard]] std::string FirstBytes(bool chunked, const Exchange& exchange) const {
    std::string preamble;
    sse::AppendPreamble(preamble, pubsub::RetryHint(topic_config_));
    preamble += greeting_;
    std::string fields;
    for (const auto& [name, value] : generation_->cors().FieldsFor(exchange.request())) {
      fmt::format_to(std::back_inserter(fields), "{}: {}\r\n", name, value);
    }
    // Of the app that handed its browser over.
    for (const auto& [name, value] :
         exchange.kept_fields() != nullptr ? *exchange.kept_fields() : Exchange::Fields()) {
      if (!http::EqualsIgnoreCase(name, "set-cookie")) continue;
      fmt::format_to(std::back_inserter(fields), "{}: {}\r\n", name, value);
    }
    if (!chunked) return http::StreamHead(http::StreamFraming::kUntilClose, fields) + preamble;
    return fmt::format("{}{:x}\r\n{}\r\n", http::StreamHead(http::StreamFraming::kChunked, fields),
                       preamble.size(), preamble);
  }

  // The stream ends with its token; one that is past its time already has what is left of the
  // leeway.
  void SetExpiry(pubsub::Subscription& subscription) const {
    if (identity_.expires_ms == 0) return;
    const uint64_t now_ms = WallMs();
    uint64_t end_ms = identity_.expires_ms;
    if (end_ms <= now_ms) end_ms += identity_.leeway_ms;
    subscription.expires_in_ms = end_ms - std::min(end_ms, now_ms);
    subscription.on_expired = [&access = environment_.access, fingerprint = identity_.fingerprint] {
      access.MarkSpent(fingerprint);
    };
  }

  const TopicEnvironment& environment_;
  GenerationPtr generation_;
  const pubsub::TopicEntryPtr& entry_;
  const config::Topic& topic_config_;
  std::string_view greeting_;
  auth::Identity identity_;
  Place place_;
  Exchange* exchange_;  // null once it was answered or the client has gone
  event::TimerWheel::Node timeout_;
};

}  // namespace

std::unique_ptr<RequestHandler> HandleTopic(const TopicEnvironment& environment,
                                            const routing::Match& match, Exchange& exchange) {
  const Generation& generation = *environment.generation;
  const pubsub::TopicEntry& entry = *generation.topics()[match.index];
  const config::Topic& topic = entry.config;
  exchange.set_route_label(entry.counters.name);
  const http::Request& request = exchange.request();
  const http::Method method = request.method();
  if (method == http::Method::kOptions) {
    exchange.Respond({.status = 204, .headers = {{"Allow", std::string(kAllow)}}, .body = {}});
    return nullptr;
  }
  if (method != http::Method::kGet && method != http::Method::kHead) {
    http::Response response = http::ErrorResponse(405, "a topic answers GET, HEAD and OPTIONS");
    response.headers.emplace_back("Allow", kAllow);
    exchange.Respond(std::move(response));
    return nullptr;
  }
  Limiter& limiter = environment.limiter;
  const LimitScope& scope = limiter.topic(match.index);
  const net::PeerAddress client =
      proxy::ClientAddress(request, generation.config().forwarding, exchange.peer());
  if (!limiter.AdmitRequest(scope, exchange, client, nullptr)) return nullptr;
  const std::string channel = generation.router().ChannelOf(match);
  std::optional<auth::Identity> identity = environment.access.Admit(
      exchange, topic.auth, auth::Right::kRead, generation.router().NameOf(match.index, channel));
  if (!identity) return nullptr;
  if (!limiter.AdmitRequest(scope, exchange, client, &*identity)) return nullptr;
  if (generation.router().TopicOf(channel) != match.index) {
    exchange.Respond(http::ErrorResponse(404, "there is no such topic"));
    return nullptr;
  }
  const auto accept = request.Header("Accept");
  if (accept && !AcceptsEventStream(*accept)) {
    exchange.Respond(
        http::ErrorResponse(406, "this is a text/event-stream, which Accept excludes"));
    return nullptr;
  }
  for (const std::string& name : topic.filter) {
    const auto value = request.Query(name);
    if (value && value->size() > pubsub::kMaxFilterValueBytes) {
      exchange.Respond(http::ErrorResponse(400, "a filter value is longer than 256 bytes"));
      return nullptr;
    }
  }
  if (method == http::Method::kHead) {
    exchange.Respond(http::StreamHeadResponse());
    return nullptr;
  }
  if (exchange.client_ended()) {
    exchange.Close();
    return nullptr;
  }
  std::optional<Place> place = limiter.AdmitConnection(scope, exchange, client, *identity);
  if (!place) return nullptr;
  auto handler = std::make_unique<TopicRequest>(environment, match.index, *std::move(identity),
                                                *std::move(place), exchange);
  if (!handler->Begin(channel)) return nullptr;
  return handler;
}

}  // namespace sluice::server
