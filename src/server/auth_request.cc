#include "server/auth_request.h"

#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sluice/base/keyed_hash.h"
#include "sluice/http/response.h"
#include "sluice/proxy/forward_request.h"

namespace sluice::server {
namespace {

// Null: the request has none of what the cache goes by. What is there and empty, as the cookie of
// one who has logged out, tells nobody from others.
std::optional<uint64_t> CacheKey(const KeyedHash& hash, const config::AuthRequest& auth,
                                 std::string_view asked_for, const http::Request& request) {
  if (auth.cache_ms == 0) return std::nullopt;
  std::string text = fmt::format("{}:{}", asked_for.size(), asked_for);
  bool any = false;
  for (const std::string_view key : auth.cache_key) {
    const size_t colon = key.find(':');
    const std::string_view name = key.substr(colon + 1);
    const auto value = key.starts_with("cookie:") ? request.Cookie(name) : request.Header(name);
    any = any || (value && !value->empty());
    if (value) {
      fmt::format_to(std::back_inserter(text), "{}:{}", value->size(), *value);
    } else {
      text += '-';
    }
  }
  const uint64_t hashed = hash(text);
  explicit_bzero(text.data(), text.size());  // it has the tokens
  if (!any) return std::nullopt;
  return hashed;
}

class AuthSubrequest final : public RequestHandler, private proxy::CallHandler {
 public:
  AuthSubrequest(const ProxyEnvironment& environment, const config::AuthRequest& auth,
                 std::optional<uint64_t> cache_key, Exchange& exchange, Admitted admitted)
      : environment_(environment),
        generation_(environment.generation),
        auth_(auth),
        upstream_(*environment.upstreams->Find(auth.upstream)),
        cache_key_(cache_key),
        exchange_(&exchange),
        admitted_(std::move(admitted)) {}

  void Begin() {
    static const config::Route kNoEdits;
    const http::Request& request = exchange_->request();
    const proxy::FieldList fields = {{"X-Original-URI", std::string(request.target())},
                                     {"X-Original-Method", std::string(request.method_text())}};
    proxy::CallRequest call;
    call.head = proxy::ForwardRequestHead({.request = request,
                                           .route = kNoEdits,
                                           .forwarding = generation_->config().forwarding,
                                           .peer = exchange_->peer(),
                                           .fields = &fields,
                                           .method = "GET",
                                           .target = auth_.path});
    call.idempotent = true;
    call_ = upstream_.Start(std::move(call), *this);
  }

  void OnClientEnd() override {
    DropCall();
    std::exchange(exchange_, nullptr)->Close();
  }
  void OnClientGone() override {
    DropCall();
    exchange_ = nullptr;
  }

 private:
  void OnHead(const http::ResponseHead& head) override {
    status_ = head.status();
    if (status_ >= 200 && status_ < 300) {
      for (const std::string& name : auth_.copy) {
        if (const auto value = head.Header(name)) granted_.emplace_back(name, *value);
      }
    }
    for (size_t i = 0; i < head.header_count(); ++i) {
      const http::HeaderView field = head.header(i);
      if (http::EqualsIgnoreCase(field.name, "www-authenticate")) {
        challenges_.emplace_back(field.value);
      }
    }
  }
  void OnBody(std::string_view /*bytes*/) override {}
  // What the app says beside yes or no is not waited for. Where all of it came with the head, the
  // connection is free for the request that goes on.
  void OnPause() override { Decide(); }
  void OnEnd(std::string_view /*trailers*/) override { Decide(); }
  void OnUpgraded(const http::ResponseHead& /*head*/, std::unique_ptr<net::Stream> /*stream*/,
                  std::string /*bytes*/) override {}

  void OnFailed(const proxy::CallFailure& failure) override {
    DropCall();
    exchange_->upstream().error = ToName(failure.kind);
    Fail(fmt::format("{}: {}", ToName(failure.kind), failure.detail));
  }

  // Keeps what the call has to tell: it may be the only one that was asked.
  void NoteCall() {
    if (call_ == nullptr) return;
    UpstreamRecord& record = exchange_->upstream();
    record = {.name = auth_.upstream,
              .status = status_,
              .error = {},
              .stream = false,
              .call = call_->record()};
    if (record.call.end_ns == 0) {
      record.call.end_ns = environment_.loop.NowNs() - record.call.started_ns;
    }
  }

  void DropCall() {
    NoteCall();
    call_.reset();
  }

  void Decide() {
    NoteCall();
    upstream_.ReadOut(std::move(call_));
    if (status_ >= 200 && status_ < 300) {
      Admit();
    } else if (status_ == 401 || status_ == 403) {
      http::Response response =
          http::ErrorResponse(status_, "the app does not let this request in");
      for (std::string& challenge : challenges_) {
        response.headers.emplace_back("WWW-Authenticate", std::move(challenge));
      }
      std::exchange(exchange_, nullptr)->Respond(std::move(response));
    } else {
      Fail(fmt::format("it answered {}", status_));
    }
  }

  void Admit() {
    // After a reload another app may be the one to ask.
    if (cache_key_ && generation_ == environment_.generation) {
      const uint64_t now_ms = environment_.loop.NowMs();
      environment_.auth_cache.Add(*cache_key_, now_ms, now_ms + auth_.cache_ms, granted_);
    }
    std::exchange(exchange_, nullptr)
        ->PassOn([admitted = std::move(admitted_), fields = std::move(granted_)](
                     Exchange& exchange) { return admitted(exchange, fields); });
  }

  void Fail(std::string_view why) {
    environment_.warnings.Warn(RequestWarnings::Kind::kUpstream, *exchange_, 500, auth_.upstream,
                               fmt::format("the auth request was not answered: {}", why),
                               "the app must answer it with 2xx, 401 or 403");
    std::exchange(exchange_, nullptr)
        ->Respond(http::ErrorResponse(500, "it could not be asked whether you may"));
  }

  const ProxyEnvironment& environment_;
  const GenerationPtr generation_;  // what all below refers to: it has to go last
  const config::AuthRequest& auth_;
  proxy::Upstream& upstream_;
  std::optional<uint64_t> cache_key_;
  Exchange* exchange_;
  Admitted admitted_;
  std::unique_ptr<proxy::Call> call_;
  proxy::FieldList granted_;
  std::vector<std::string> challenges_;
  int status_ = 0;
};

}  // namespace

std::unique_ptr<RequestHandler> RequestAuth(const ProxyEnvironment& environment,
                                            const config::AuthRequest& auth,
                                            std::string_view asked_for, Exchange& exchange,
                                            Admitted admitted) {
  const std::optional<uint64_t> key =
      CacheKey(*environment.generation->client_limits().hash, auth, asked_for, exchange.request());
  if (key) {
    const proxy::FieldList* known = environment.auth_cache.Find(*key, environment.loop.NowMs());
    if (known != nullptr) return admitted(exchange, proxy::FieldList(*known));
  }
  auto handler =
      std::make_unique<AuthSubrequest>(environment, auth, key, exchange, std::move(admitted));
  handler->Begin();
  return handler;
}

}  // namespace sluice::server
