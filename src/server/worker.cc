#include "server/worker.h"

#include <utility>

#include <fmt/format.h>

#include "server/auth_request.h"
#include "server/pages.h"
#include "sluice/base/log.h"
#include "sluice/http/response.h"
#include "sluice/proxy/target.h"

namespace sluice::server {
namespace {

constexpr uint64_t kTickMs = 1'000;
constexpr uint64_t kDrainCheckMs = 20;
// Over limits.connections a client still gets a 503, up to this share more; then it is cut at once.
constexpr uint64_t kRefusedShare = 16;
// Connection ids of a worker: its number in the high bits, so that they are unique in the process.
constexpr uint32_t kIdBits = 40;

SessionSettings ToSettings(const config::Limits& limits) {
  SessionSettings settings;
  settings.limits.head_bytes = limits.header_bytes;
  settings.limits.headers = limits.headers;
  settings.limits.body_bytes = limits.body_bytes;
  settings.header_timeout_ms = limits.header_timeout_ms;
  settings.body_timeout_ms = limits.body_timeout_ms;
  settings.idle_timeout_ms = limits.idle_timeout_ms;
  settings.write_timeout_ms = limits.write_timeout_ms;
  return settings;
}

http::Response Busy(std::string_view detail) {
  http::Response response = http::ErrorResponse(503, detail);
  response.headers.emplace_back("Retry-After", "5");
  response.close = true;
  return response;
}

std::unique_ptr<RequestHandler> AnswerNone(Exchange& exchange) {
  exchange.Respond(http::ErrorResponse(404, "nothing is configured for this path"));
  return nullptr;
}

}  // namespace

Worker::Worker(event::Loop& loop, net::Network& network, uint32_t index, const WorkerShared& shared,
               const GenerationPtr& generation)
    : loop_(loop),
      network_(network),
      index_(index),
      shared_(shared),
      timers_(loop),
      generation_(Own(generation)),
      session_settings_(ToSettings(config().limits)),
      http_stats_(config()),
      warnings_(loop, redactor_),
      access_(generation_, shared.tokens),
      limiter_(config(), generation_->client_limits(), warnings_, loop),
      hub_(loop, generation_, index, shared.ingest, shared.counts),
      topic_environment_{generation_, hub_, timers_, access_, limiter_, warnings_},
      publish_environment_{generation_, hub_, stamper_, access_, limiter_, warnings_},
      proxy_environment_{generation_,
                         upstreams_,
                         loop,
                         timers_,
                         access_,
                         auth_cache_,
                         limiter_,
                         warnings_,
                         [this](Exchange& exchange, const proxy::RedirectTarget& target) {
                           return DispatchRedirect(exchange, target);
                         }},
      sessions_({loop, timers_, *this, session_settings_}, (uint64_t{index} << kIdBits) + 1),
      tick_(loop.MakeTimer([this] { CountConnections(); })),
      drain_check_(loop.MakeTimer([this] { CheckDrained(); })) {
  Adopt(generation_);
  tick_->Start(kTickMs, kTickMs);
}

Result<net::Endpoint> Worker::Listen(uint64_t number, const net::Endpoint& endpoint,
                                     const config::Limits& limits) {
  net::ListenOptions options;
  options.endpoint = endpoint;
  options.reuse_port = shared_.connections.size() > 1;
  options.claim = index_ == 0;
  options.notsent_lowat_bytes = limits.notsent_bytes;
  options.user_timeout_ms = limits.write_timeout_ms;
  auto listener = network_.Listen(
      options, [this](std::unique_ptr<net::Stream> stream) { OnAccepted(std::move(stream)); },
      [this](bool exhausted) { OnExhausted(exhausted); });
  if (!listener) return tl::unexpected(listener.error());
  return (listeners_[number] = std::move(*listener))->endpoint();
}

void Worker::SetGeneration(const GenerationPtr& generation) {
  generation_ = Own(generation);
  session_settings_ = ToSettings(config().limits);
  http_stats_.AddRoutes(config());
  access_.SetGeneration(generation_);
  limiter_.SetLimits(config(), generation_->client_limits());
  topic_environment_.generation = generation_;
  publish_environment_.generation = generation_;
  proxy_environment_.generation = generation_;
  auth_cache_.Clear();
  for (const auto& [number, listener] : listeners_) {
    listener->SetClientOptions(config().limits.notsent_bytes, config().limits.write_timeout_ms);
  }
  Adopt(generation_);
  hub_.SetCatalog(generation_);
}

// It is counted apart from the other threads' references, so that requests take and drop it without
// a cache line that all share, and keeps what this worker has of it beside the config.
GenerationPtr Worker::Own(const GenerationPtr& generation) {
  upstreams_ =
      std::make_shared<proxy::UpstreamSet>(proxy::UpstreamEnvironment{loop_, timers_, network_},
                                           generation->upstreams(), upstreams_.get());
  return {generation.get(), [generation, upstreams = upstreams_](const Generation*) {}};
}

// What is made anew of each generation.
void Worker::Adopt(const GenerationPtr& generation) {
  // What was a token's parameter once stays secret: clients may still send it.
  for (const std::string_view name : generation->schemes().QueryParameters()) {
    redactor_.AddName(name);
  }
  access_log_.reset();
  if (const auto& access = generation->config().access_log) {
    access_log_.emplace(access->format, redactor_);
  }
}

// --- connections ---

void Worker::OnAccepted(std::unique_ptr<net::Stream> stream) {
  const uint64_t limit = config().limits.connections;
  if (AllConnections() >= limit + limit / kRefusedShare + 1) {
    refused_.Add();
    return;  // the stream closes
  }
  const Limiter::Arrival arrival = limiter_.Accept(*stream);
  if (arrival == Limiter::Arrival::kCut) return;
  accepted_.Add();
  sessions_.Add(std::move(stream), arrival == Limiter::Arrival::kAnswered);
  CountConnections();
}

void Worker::OnExhausted(bool exhausted) {
  LogThrottle& line = exhausted ? exhausted_line_ : recovered_line_;
  const auto left_out = line.Admit(loop_.NowMs());
  if (!left_out) return;
  if (exhausted) {
    LogError(
        "out of file descriptors: accepting is paused until some are closed; raise the limit "
        "(LimitNOFILE, ulimit -n) or lower limits.connections{}",
        LeftOut(*left_out));
  } else {
    LogWarn("file descriptors are there again: accepting{}", LeftOut(*left_out));
  }
}

void Worker::CountConnections() {
  shared_.connections[index_].Set(sessions_.size() + hub_.subscribers());
}

uint64_t Worker::AllConnections() const {
  uint64_t count = sessions_.size() + hub_.subscribers();
  for (size_t i = 0; i < shared_.connections.size(); ++i) {
    if (i != index_) count += shared_.connections[i].Get();
  }
  return count;
}

// --- requests ---

std::unique_ptr<RequestHandler> Worker::Dispatch(Exchange& exchange) {
  exchange.Keep(generation_);
  const routing::Match match =
      generation_->router().Find(exchange.request().host(), exchange.request().path());
  if (draining_) {
    const bool stream = match.action == routing::Action::kTopic &&
                        exchange.request().method() == http::Method::kGet;
    exchange.Respond(stream ? EndedStream(pubsub::RetryHint(config().topics[match.index]))
                            : Busy("the gateway is about to stop"));
    return nullptr;
  }
  if (AllConnections() > config().limits.connections) {
    refused_.Add();
    warnings_.Warn(RequestWarnings::Kind::kConnections, exchange, 503,
                   match.action == routing::Action::kTopic
                       ? std::string_view(config().topics[match.index].name)
                       : "-",
                   "there are as many connections as limits.connections allows",
                   "raise it, and the limit of descriptors, or add gateways");
    exchange.Respond(Busy("the gateway has all the connections that limits.connections allows"));
    return nullptr;
  }
  if (exchange.over_limit()) {
    limiter_.RefuseConnection(exchange);
    return nullptr;
  }
  const Cors& cors = generation_->cors();
  const bool of_route = match.action == routing::Action::kProxy;
  // Of a route, the app has its own, unless the route says otherwise.
  if (cors.IsPreflight(exchange.request()) && (!of_route || config().routes[match.index].cors)) {
    if (of_route) exchange.set_route_label(config().routes[match.index].name);
    exchange.Respond(of_route ? cors.AnswerRoutePreflight(exchange.request())
                              : cors.AnswerPreflight(exchange.request()));
    return nullptr;
  }
  switch (match.action) {
    case routing::Action::kTopic:
      return DispatchTopic(match, exchange);
    case routing::Action::kPublish:
      return HandlePublish(publish_environment_, match, exchange);
    case routing::Action::kDemo:
      AnswerDemo(exchange);
      return nullptr;
    case routing::Action::kProxy:
      return HandleProxy(proxy_environment_, match, exchange);
    case routing::Action::kNone:
      break;
  }
  return AnswerNone(exchange);
}

std::unique_ptr<RequestHandler> Worker::DispatchTopic(const routing::Match& match,
                                                      Exchange& exchange) {
  const auto& auth = config().topics[match.index].auth_request;
  if (!auth) return HandleTopic(topic_environment_, match, exchange);
  exchange.set_route_label(config().topics[match.index].name);
  // An app that lets into one room says nothing of the others.
  const std::string asked_for =
      fmt::format("topic {} {}", match.index, generation_->router().ChannelOf(match));
  return RequestAuth(proxy_environment_, *auth, asked_for, exchange,
                     [this](Exchange& admitted, const proxy::FieldList&) {
                       // A reload may have come in between.
                       const routing::Match again = generation_->router().Find(
                           admitted.request().host(), admitted.request().path(),
                           routing::Scope::kInternal);
                       return again.action == routing::Action::kTopic
                                  ? HandleTopic(topic_environment_, again, admitted)
                                  : AnswerNone(admitted);
                     });
}

std::unique_ptr<RequestHandler> Worker::DispatchRedirect(Exchange& exchange,
                                                         const proxy::RedirectTarget& target) {
  exchange.Keep(generation_);
  const routing::Router& router = generation_->router();
  const http::Request& asked = exchange.request();
  const bool named = !target.name.empty();
  proxy::RedirectTarget to = target;
  if (named) to.path = proxy::RawPath(asked.target());
  Result<http::Request> request = proxy::RedirectRequest(asked, to);
  if (!request) {
    exchange.Respond(http::ErrorResponse(500, "the app hands this request to nobody"));
    return nullptr;
  }
  exchange.Redirect(*std::move(request));
  const routing::Match match =
      named ? router.FindNamed(target.name)
            : router.Find(exchange.request().host(), exchange.request().path(),
                          routing::Scope::kInternal);
  switch (match.action) {
    case routing::Action::kTopic:
      return DispatchTopic(match, exchange);
    case routing::Action::kProxy:
      return HandleProxy(proxy_environment_, match, exchange);
    default:
      break;
  }
  warnings_.Warn(RequestWarnings::Kind::kUpstream, exchange, named ? 500 : 404, "-",
                 "an X-Accel-Redirect leads to no topic and no route",
                 "mend the app, or add what it means");
  exchange.Respond(http::ErrorResponse(named ? 500 : 404, "nothing is configured for this path"));
  return nullptr;
}

void Worker::AnswerDemo(Exchange& exchange) {
  exchange.set_route_label(kDemoRoute);
  const http::Method method = exchange.request().method();
  if (method != http::Method::kGet && method != http::Method::kHead) {
    http::Response response = http::ErrorResponse(405, "the demo page answers GET and HEAD");
    response.headers.emplace_back("Allow", "GET, HEAD");
    exchange.Respond(std::move(response));
    return;
  }
  exchange.Respond(PageResponse(generation_->demo_page()));
}

void Worker::Decorate(const http::Request& request, http::Response& response) {
  for (const auto& [name, value] : generation_->cors().FieldsFor(request)) {
    response.headers.emplace_back(name, value);
  }
}

void Worker::OnRequestDone(const RequestSummary& summary) {
  http_stats_.Count(summary.route, summary.status);
  const bool stream = summary.upstream != nullptr && summary.upstream->stream;
  if (!stream) http_stats_.Observe(summary.duration_ns);
  if (access_log_) access_log_->Write(summary);
  if (!LogEnabled(LogLevel::kDebug)) return;
  LogDebug("request id={} client={} method={} route={} status={} duration_us={} bytes={}{}{}",
           summary.connection_id, summary.peer != nullptr ? summary.peer->ToString() : "-",
           summary.request != nullptr ? summary.request->method_text() : "-",
           summary.route.empty() ? kNoRoute : summary.route, summary.status,
           summary.duration_ns / 1000, summary.bytes_sent,
           summary.error.empty() ? "" : " error=", summary.error);
}

void Worker::OnStreamTaken(const RequestSummary& summary) {
  http_stats_.Count(summary.route, summary.status);
  if (access_log_) access_log_->Write(summary);
}

// --- ending ---

void Worker::Drain(uint64_t spread_ms, std::function<void()> drained) {
  draining_ = true;
  drained_ = std::move(drained);
  listeners_.clear();
  sessions_.Drain();
  hub_.Drain(spread_ms, [this] { hub_drained_ = true; });
  drain_check_->Start(kDrainCheckMs, kDrainCheckMs);
}

void Worker::Close() {
  listeners_.clear();
  drain_check_->Stop();
  sessions_.CloseAll();
  hub_.CloseAll(pubsub::CloseReason::kStopped);
}

void Worker::CheckDrained() {
  if (!hub_drained_ || sessions_.size() > 0) return;
  drain_check_->Stop();
  std::exchange(drained_, nullptr)();
}

}  // namespace sluice::server
