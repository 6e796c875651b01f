#include "server/publish_handler.h"

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "sluice/base/clock.h"
#include "sluice/base/json_string.h"
#include "sluice/base/log.h"
#include "sluice/base/utf8.h"
#include "sluice/http/response.h"
#include "sluice/proxy/forward_request.h"
#include "sluice/server/http_stats.h"
#include "sluice/sse/encoder.h"

namespace sluice::server {
namespace {

constexpr std::string_view kAllow = "POST, OPTIONS";

http::Response Accepted(std::string_view id, std::string_view topic) {
  std::string body = "{\"id\":";
  AppendJsonString(body, id);
  body += ",\"topic\":";
  AppendJsonString(body, topic);
  body += "}\n";
  return {
      .status = 202, .headers = {{"Content-Type", "application/json"}}, .body = std::move(body)};
}

http::Response Refused(const Error& error) {
  switch (error.code) {
    case Errc::kInvalid:
      return http::ErrorResponse(400, error.message);
    case Errc::kTimeout:
      return http::ErrorResponse(504, error.message);
    default:
      break;
  }
  http::Response response = http::ErrorResponse(503, error.message);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

class PublishRequest final : public RequestHandler {
 public:
  PublishRequest(const PublishEnvironment& environment, const config::Publish& config,
                 routing::Router::Target target, Exchange& exchange)
      : environment_(environment),
        generation_(environment.generation),
        config_(config),
        target_(std::move(target)),
        exchange_(&exchange) {}
  ~PublishRequest() override {
    if (ticket_ != 0) environment_.hub.ForgetPublish(ticket_);
  }

  void OnBody(std::string_view bytes) override {
    if (exchange_ == nullptr) return;
    if (body_.size() + bytes.size() > generation_->config().limits.message_bytes) {
      AnswerTooLarge();
      return;
    }
    body_ += bytes;
  }

  void OnBodyEnd(std::string_view /*trailers*/) override {
    if (exchange_ == nullptr) return;
    const size_t valid = ValidUtf8Prefix(body_);
    if (valid != body_.size()) {
      Answer(http::ErrorResponse(400, fmt::format("the body is not UTF-8 at byte {}", valid)));
      return;
    }
    const http::Request& request = exchange_->request();
    std::string event = request.Query("event").value_or("");
    std::string id = request.Query("id").value_or("");
    if (!sse::IsValidEventName(event)) {
      Answer(http::ErrorResponse(400,
                                 "event is not UTF-8 of at most 256 bytes without CR, LF and NUL"));
      return;
    }
    if (!id.empty() && !sse::IsValidId(id)) {
      Answer(http::ErrorResponse(400, "id is not 1 to 128 characters of A-Z a-z 0-9 . _ : -"));
      return;
    }
    if (!config_.stamp.empty()) {
      auto stamped = environment_.stamper.Stamp(config_.stamp, body_, WallMs());
      if (!stamped) {
        Answer(http::ErrorResponse(400, stamped.error().message));
        return;
      }
      body_ = *std::move(stamped);
      if (body_.size() > generation_->config().limits.message_bytes) {
        AnswerTooLarge();
        return;
      }
    }
    ticket_ = environment_.hub.Publish(generation_->topics()[target_.index], target_.channel,
                                       std::move(event), std::move(id), std::move(body_),
                                       [this](Result<std::string> result) {
                                         ticket_ = 0;
                                         OnPublished(std::move(result));
                                       });
  }

  void OnClientGone() override { exchange_ = nullptr; }

 private:
  void OnPublished(Result<std::string> id) {
    if (exchange_ == nullptr) return;
    if (id) {
      Answer(Accepted(*id, target_.name));
      return;
    }
    http::Response answer = Refused(id.error());
    // What is wrong with the message is its publisher's business.
    if (id.error().code != Errc::kInvalid) {
      environment_.warnings.Warn(RequestWarnings::Kind::kPublish, *exchange_, answer.status,
                                 target_.name, id.error().message,
                                 "its publisher has to try again");
    }
    Answer(std::move(answer));
  }

  void AnswerTooLarge() {
    Answer(http::ErrorResponse(413, fmt::format("a message may have {} bytes",
                                                generation_->config().limits.message_bytes)));
  }

  void Answer(http::Response response) {
    std::exchange(exchange_, nullptr)->Respond(std::move(response));
  }

  const PublishEnvironment& environment_;
  GenerationPtr generation_;
  const config::Publish& config_;
  routing::Router::Target target_;
  Exchange* exchange_;  // null once it was answered or the client has gone
  std::string body_;
  uint64_t ticket_ = 0;  // 0: nothing is under way
};

}  // namespace

std::unique_ptr<RequestHandler> HandlePublish(const PublishEnvironment& environment,
                                              const routing::Match& match, Exchange& exchange) {
  exchange.set_route_label(kPublishRoute);
  const http::Method method = exchange.request().method();
  if (method == http::Method::kOptions) {
    exchange.Respond({.status = 204, .headers = {{"Allow", std::string(kAllow)}}, .body = {}});
    return nullptr;
  }
  if (method != http::Method::kPost) {
    http::Response response = http::ErrorResponse(405, "publishing is done by POST");
    response.headers.emplace_back("Allow", kAllow);
    exchange.Respond(std::move(response));
    return nullptr;
  }
  const Generation& generation = *environment.generation;
  const config::Publish& config = generation.config().publish[match.index];
  Limiter& limiter = environment.limiter;
  const net::PeerAddress client =
      proxy::ClientAddress(exchange.request(), generation.config().forwarding, exchange.peer());
  if (!limiter.AdmitRequest(limiter.rest(), exchange, client, nullptr)) return nullptr;
  auto target = generation.router().PublishTarget(match);
  const std::string_view name =
      target ? generation.router().NameOf(target->index, target->channel) : std::string_view();
  const auto identity =
      environment.access.Admit(exchange, config.auth, auth::Right::kPublish, name);
  if (!identity || !limiter.AdmitRequest(limiter.rest(), exchange, client, &*identity)) {
    return nullptr;
  }
  if (!target) {
    exchange.Respond(http::ErrorResponse(404, "there is no such topic"));
    return nullptr;
  }
  const config::Source source = generation.config().topics[target->index].source;
  if (source != config::Source::kPubSub) {
    exchange.Respond(http::ErrorResponse(
        403, source == config::Source::kMetrics
                 ? "the gateway alone publishes on this topic (source: metrics)"
                 : "its upstream alone publishes on this topic (source: upstream)"));
    return nullptr;
  }
  auto handler =
      std::make_unique<PublishRequest>(environment, config, *std::move(target), exchange);
  exchange.ReadBody();
  return handler;
}

}  // namespace sluice::server
