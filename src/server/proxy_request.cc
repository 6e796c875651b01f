#include "server/proxy_request.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "sluice/base/keyed_hash.h"
#include "sluice/http/response.h"
#include "sluice/proxy/forward_request.h"
#include "sluice/proxy/forward_response.h"

namespace sluice::server {
namespace {

using Body = proxy::CallRequest::Body;

// Less room than that is not worth a read.
constexpr size_t kLeastReadBytes = 1024;
// Of a request's body: what the upstream has not taken yet.
constexpr size_t kRequestBufferBytes = size_t{64} * 1024;
constexpr int kMaxRedirects = 10;

bool IsIdempotent(http::Method method) {
  switch (method) {
    case http::Method::kGet:
    case http::Method::kHead:
    case http::Method::kPut:
    case http::Method::kDelete:
    case http::Method::kOptions:
    case http::Method::kTrace:
      return true;
    default:
      return false;
  }
}

std::string_view Advice(proxy::CallFailure::Kind kind) {
  using Kind = proxy::CallFailure::Kind;
  switch (kind) {
    case Kind::kNoServer:
      return "see why its servers rest or fail their checks in the lines before";
    case Kind::kQueueFull:
    case Kind::kQueueTime:
      return "raise max_connections or queue, or add servers";
    case Kind::kReadTime:
      return "if the app may take that long, raise read_timeout";
    case Kind::kHeadLimit:
      return "raise head_bytes, or let the app send less in its header fields";
    default:
      return "see the app's own log";
  }
}

}  // namespace

ProxyRequest::ProxyRequest(const ProxyEnvironment& environment, const config::Route& route,
                           const net::PeerAddress& client, Place place, Exchange& exchange)
    : environment_(environment),
      generation_(environment.generation),
      route_(route),
      forwarding_(generation_->config().forwarding),
      upstream_(*environment.upstreams->Find(route.upstream)),
      client_(client),
      place_(std::move(place)),
      exchange_(&exchange) {}

void ProxyRequest::Begin(const proxy::FieldList& fields) {
  fields_ = fields;
  const http::Request& request = exchange_->request();
  if (!request.has_body()) {
    StartCall(Body::kNone, 0);
    return;
  }
  if (!route_.request_buffering) {
    StartCall(request.chunked() ? Body::kChunked : Body::kLength, request.content_length());
  }
  exchange_->ReadBody(route_.body_bytes);
}

void ProxyRequest::StartCall(Body body, uint64_t length) {
  const http::Request& request = exchange_->request();
  proxy::CallRequest call;
  call.body = body;
  call.head_method = request.method() == http::Method::kHead;
  call.idempotent = IsIdempotent(request.method());
  call.upgrade = route_.websocket && body == Body::kNone && request.upgrade_websocket();
  call.hash = HashKey();
  call.head = proxy::ForwardRequestHead(
      {.request = request,
       .route = route_,
       .forwarding = forwarding_,
       .peer = exchange_->peer(),
       .body = body,
       .length = length,
       .upgrade = call.upgrade,
       .strip = route_.strip_tokens ? &generation_->token_names() : nullptr,
       .fields = fields_.empty() ? nullptr : &fields_});
  fields_.clear();
  call_ = upstream_.Start(std::move(call), answer_);
}

uint64_t ProxyRequest::HashKey() const {
  if (upstream_.config().balance != config::Balance::kHash) return 0;
  // The same on every gateway, so that all of them choose the same server.
  static const KeyedHash kHash(0, 0);
  const http::Request& request = exchange_->request();
  const config::HashKey& key = upstream_.config().hash;
  std::optional<std::string_view> value;
  if (key.kind == config::HashKey::Kind::kCookie) value = request.Cookie(key.name);
  if (key.kind == config::HashKey::Kind::kHeader) value = request.Header(key.name);
  return kHash(value ? *value : std::string_view(client_.Host()));
}

// --- The request's body ---

void ProxyRequest::OnBody(std::string_view bytes) {
  if (tunnel_ != nullptr) {
    tunnel_->OnClientData(bytes);
  } else if (redirect_) {
    return;  // nobody wants it any more
  } else if (call_ != nullptr) {
    call_->SendBody(bytes);
    if (call_->unsent() > kRequestBufferBytes) exchange_->PauseBody();
  } else if (!ended_) {
    held_ += bytes;
  }
}

void ProxyRequest::OnBodyEnd(std::string_view trailers) {
  if (redirect_) {
    if (call_ == nullptr) FollowRedirect();
    return;
  }
  if (call_ != nullptr) {
    call_->EndBody(trailers);
  } else if (!ended_) {
    StartCall(Body::kLength, held_.size());
    call_->SendBody(std::exchange(held_, {}));
    call_->EndBody({});
  }
}

// --- The answer ---

void ProxyRequest::PassInterim(const http::ResponseHead& head) {
  const int version = exchange_->request().minor_version();
  if (version == 0) return;
  exchange_->SendInterim(proxy::ForwardInterimHead(
      {.head = head, .route = route_, .forwarding = forwarding_, .minor_version = version}));
}

void ProxyRequest::TakeHead(const http::ResponseHead& head) {
  status_ = head.status();
  const proxy::XAccel accel = proxy::ReadXAccel(head, upstream_.config().trust_x_accel);
  const bool intercepted =
      route_.intercept_errors &&
      std::any_of(route_.error_pages.begin(), route_.error_pages.end(),
                  [this](const config::ErrorPage& page) { return page.status == status_; });
  if (intercepted) {
    http::Response response = http::ErrorResponse(status_, {});
    for (size_t i = 0; status_ == 401 && i < head.header_count(); ++i) {
      const auto [name, value] = head.header(i);
      if (http::EqualsIgnoreCase(name, "www-authenticate")) {
        response.headers.emplace_back("WWW-Authenticate", value);
      }
    }
    Respond(std::move(response));
    return;
  }
  if (accel.redirect) {
    if (accel.limit_rate) exchange_->set_limit_rate(*accel.limit_rate);
    StartRedirect(head, *accel.redirect);
    return;
  }
  using Kind = http::ResponseHead::Body;
  const bool delimited = head.body() == Kind::kNone || head.body() == Kind::kLength;
  const AnswerFraming framing = exchange_->PlanAnswer(delimited);
  stream_ = proxy::IsEventStream(head);
  const bool buffering = accel.buffering.value_or(route_.buffering && delimited && !stream_);
  buffer_bytes_ = buffering ? route_.buffer_bytes : 0;
  const uint64_t rate =
      accel.limit_rate.value_or(exchange_->limit_rate().value_or(route_.limit_rate));
  if (rate > 0) throttle_.emplace(rate, environment_.loop.NowMs());
  Cors::Fields cors;
  if (route_.cors) cors = generation_->cors().FieldsFor(exchange_->request());
  exchange_->StartAnswer(
      status_,
      proxy::ForwardResponseHead({.head = head,
                                  .route = route_,
                                  .forwarding = forwarding_,
                                  .minor_version = exchange_->request().minor_version(),
                                  .chunked = framing.chunked,
                                  .keep_alive = framing.keep_alive,
                                  .kept = exchange_->kept_fields(),
                                  .cors = route_.cors ? &cors : nullptr}),
      framing);
  started_ = true;
}

void ProxyRequest::TakePiece(std::string_view bytes) {
  if (redirect_ || !started_) return;
  if (throttle_) {
    throttle_->Hold(bytes);
  } else {
    exchange_->SendBody(bytes);
  }
}

// What has come goes on at once, whatever its framing; a client that is slow slows the upstream.
void ProxyRequest::Pass() {
  if (redirect_) {
    ReadOutCall();
    FollowOnceRead();
    return;
  }
  if (!started_) return;
  if (throttle_) {
    Drip();
    return;
  }
  exchange_->FlushAnswer();
  MakeRoom();
}

// What the next read may bring has to have a place beside what waits. Of what nobody waits for, one
// read is taken in any case: most clients take all of it.
void ProxyRequest::MakeRoom() {
  const size_t unsent = exchange_->unsent();
  if (unsent == 0) {
    LimitReads(net::kReadBytes);
    return;
  }
  const uint64_t room = buffer_bytes_ - std::min<uint64_t>(unsent, buffer_bytes_);
  if (room >= kLeastReadBytes) {
    LimitReads(static_cast<size_t>(std::min<uint64_t>(room, net::kReadBytes)));
  } else if (!paused_) {
    paused_ = true;
    call_->PauseReading();
  }
}

void ProxyRequest::LimitReads(size_t bytes) {
  if (bytes == read_bytes_) return;
  read_bytes_ = bytes;
  call_->LimitReads(bytes);
}

void ProxyRequest::OnAnswerSent() {
  if (tunnel_ != nullptr) {
    tunnel_->OnClientSent();
  } else if (call_ != nullptr && (!throttle_ || throttle_->empty())) {
    LimitReads(net::kReadBytes);
    if (!std::exchange(paused_, false)) return;
    call_->ResumeReading();
  }
}

void ProxyRequest::Drip() {
  if (exchange_ == nullptr) return;
  exchange_->FlushAnswer();  // the head, the first time
  if (exchange_->unsent() == 0) {
    const std::string_view ready = throttle_->Ready(environment_.loop.NowMs());
    exchange_->SendBody(ready);
    exchange_->FlushAnswer();
    throttle_->Drop(ready.size());
  }
  if (!throttle_->empty()) {
    if (call_ != nullptr && !paused_) {
      paused_ = true;
      call_->PauseReading();
    }
    environment_.timers.Arm(drip_, Throttle::kTickMs);
  } else if (ended_) {
    End();
  } else {
    OnAnswerSent();
  }
}

void ProxyRequest::TakeEnd(std::string_view trailers) {
  ended_ = true;
  if (redirect_) {
    DropCall();
    FollowOnceRead();
    return;
  }
  held_ = trailers;
  DropCall();
  if (throttle_) {
    Drip();
  } else {
    End();
  }
}

// The client's place is free before it can know that the answer is over.
void ProxyRequest::End() {
  place_ = {};
  std::exchange(exchange_, nullptr)->EndAnswer(held_);
}

void ProxyRequest::StartTunnel(const http::ResponseHead& head, std::unique_ptr<net::Stream> stream,
                               std::string_view bytes) {
  status_ = head.status();
  started_ = stream_ = true;
  DropCall();
  exchange_->StartTunnel(
      proxy::ForwardResponseHead({.head = head, .route = route_, .forwarding = forwarding_}));
  tunnel_ = std::make_unique<Tunnel>(*exchange_, std::move(stream), environment_.timers,
                                     upstream_.config().read_timeout_ms, exchange_->upstream().call,
                                     [this] {
                                       NoteEnd();
                                       std::exchange(exchange_, nullptr)->EndAnswer({});
                                     });
  tunnel_->Start(bytes);
}

// --- X-Accel-Redirect ---

void ProxyRequest::StartRedirect(const http::ResponseHead& head, std::string_view target) {
  Result<proxy::RedirectTarget> parsed = proxy::ParseRedirectTarget(target);
  if (!parsed || exchange_->redirects() >= kMaxRedirects) {
    Answer500(parsed ? "the app's X-Accel-Redirects lead in a circle"
                     : "the app's X-Accel-Redirect " + parsed.error().message);
    return;
  }
  // It is followed when what came with the head has been read: mostly that is all of the answer,
  // and the connection is free for the target.
  redirect_ = *std::move(parsed);
  fields_ = proxy::FieldsOverRedirect(head);
}

// What is left of the body nobody wants, and a server that did not take it waits for nothing more.
void ProxyRequest::FollowOnceRead() {
  if (exchange_->request_complete()) {
    FollowRedirect();
  } else {
    exchange_->ResumeBody();
  }
}

void ProxyRequest::FollowRedirect() {
  place_ = {};  // what it leads to may need it, before this is destroyed
  Exchange& exchange = *std::exchange(exchange_, nullptr);
  exchange.set_kept_fields(std::move(fields_));
  exchange.PassOn([&environment = environment_, target = *std::move(redirect_)](Exchange& again) {
    return environment.redirect(again, target);
  });
}

// --- Ends ---

void ProxyRequest::OnClientEnd() {
  if (tunnel_ != nullptr) {
    tunnel_->OnClientEnd();
    return;
  }
  DropCall();
  Exchange& exchange = *std::exchange(exchange_, nullptr);
  if (started_) {
    exchange.AbortAnswer();
  } else {
    exchange.Close();
  }
}

void ProxyRequest::OnClientGone() {
  drip_.Cancel();
  DropCall();
  if (tunnel_ != nullptr && exchange_ != nullptr) NoteEnd();
  tunnel_.reset();
  exchange_ = nullptr;
}

void ProxyRequest::Fail(const proxy::CallFailure& failure) {
  DropCall();
  exchange_->upstream().error = ToName(failure.kind);
  const int status = failure.status();
  environment_.warnings.Warn(
      RequestWarnings::Kind::kUpstream, *exchange_, started_ ? status_ : status, route_.name,
      fmt::format("upstream {}: {}: {}{}", route_.upstream, ToName(failure.kind), failure.detail,
                  started_ ? "; the client has a part of the answer" : ""),
      Advice(failure.kind));
  if (redirect_) {
    FollowOnceRead();
    return;
  }
  ended_ = true;
  if (started_) {
    std::exchange(exchange_, nullptr)->AbortAnswer();
    return;
  }
  http::Response response = http::ErrorResponse(
      status, status == 504   ? "the app did not answer in time"
              : status == 503 ? "the app has no room for this request now"
                              : "the app cannot be reached, or its answer cannot be read");
  if (status == 503) response.headers.emplace_back("Retry-After", "5");
  Respond(std::move(response));
}

void ProxyRequest::Answer500(std::string_view why) {
  environment_.warnings.Warn(RequestWarnings::Kind::kUpstream, *exchange_, 500, route_.name, why,
                             "mend the app");
  Respond(http::ErrorResponse(500, "the app hands this request to nobody"));
}

void ProxyRequest::Respond(http::Response response) {
  ReadOutCall();
  place_ = {};
  std::exchange(exchange_, nullptr)->Respond(std::move(response));
}

void ProxyRequest::DropCall() {
  NoteCall();
  call_.reset();
}

void ProxyRequest::ReadOutCall() {
  if (call_ == nullptr) return;
  NoteCall();
  upstream_.ReadOut(std::move(call_));
}

void ProxyRequest::NoteCall() {
  if (call_ == nullptr) return;
  UpstreamRecord& record = exchange_->upstream();
  record = {.name = route_.upstream,
            .status = status_,
            .error = {},
            .stream = stream_,
            .call = call_->record()};
  if (record.call.end_ns == 0) NoteEnd();
}

void ProxyRequest::NoteEnd() {
  proxy::CallRecord& call = exchange_->upstream().call;
  call.end_ns = environment_.loop.NowNs() - call.started_ns;
}

}  // namespace sluice::server
