// Parses a request, makes the head that an upstream gets for it, and reads that as the upstream
// would: both must agree on what is asked, and nothing may be left that is about one connection.
// Likewise with an answer and its client.
//
// Input: a byte of choices, then a request's head, or an answer's.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sluice/http/request_parser.h"
#include "sluice/http/response_parser.h"
#include "sluice/proxy/forward_request.h"
#include "sluice/proxy/forward_response.h"
#include "sluice/proxy/target.h"
#include "sluice/proxy/x_accel.h"

namespace {

using sluice::http::EqualsIgnoreCase;
using sluice::http::FieldName;
using sluice::proxy::CallRequest;

constexpr sluice::http::RequestLimits kLimits = {};
// What we add may make a head longer than what came.
constexpr sluice::http::RequestLimits kWideLimits = {
    .head_bytes = 1 << 20, .target_bytes = 1 << 20, .headers = 10'000, .body_bytes = UINT64_MAX};
constexpr sluice::http::ResponseLimits kAnswerLimits = {};
constexpr sluice::http::ResponseLimits kWideAnswerLimits = {.head_bytes = 1 << 20,
                                                            .headers = 10'000};

void Require(bool holds) {
  if (!holds) std::abort();
}

struct Choices {
  bool trusted;
  bool strip_prefix;
  bool edits;
  bool forwarded;
  bool tokens;
};

// Fields that must not be there, but for those that we write ourselves.
void CheckFields(const sluice::http::FieldLines& fields, bool upgrade, bool trailers) {
  for (size_t i = 0; i < fields.size(); ++i) {
    const auto [name, value] = fields[i];
    switch (fields.known(i).name) {
      case FieldName::kConnection:
        Require(upgrade || trailers || value == "close" || value == "keep-alive");
        break;
      case FieldName::kUpgrade:
        Require(upgrade && value == "websocket");
        break;
      case FieldName::kTe:
        Require(trailers && value == "trailers");
        break;
      case FieldName::kHttp2Settings:
      case FieldName::kKeepAlive:
      case FieldName::kProxyAuthenticate:
      case FieldName::kProxyAuthorization:
      case FieldName::kProxyConnection:
      case FieldName::kTrailer:
        Require(false);
        break;
      default:
        break;
    }
  }
}

void ForwardARequest(std::string_view bytes, const Choices& choices) {
  sluice::http::RequestParser parser(kLimits);
  if (parser.Feed(bytes, nullptr).event != sluice::http::RequestParser::Event::kHead) return;
  const sluice::http::Request& request = parser.request();
  sluice::config::Route route;
  route.upstream = "app";
  route.path = choices.strip_prefix ? "/a" : "/";
  route.strip_prefix = choices.strip_prefix;
  if (choices.edits) route.request_headers = {.set = {{"X-Set", "1"}}, .remove = {"x-removed"}};
  sluice::config::Forwarding forwarding;
  forwarding.forwarded = choices.forwarded;
  if (choices.trusted) forwarding.trusted_proxies.push_back({.base = {}, .bits = 0});
  const auto peer = sluice::net::ParsePeerAddress("2001:db8::1");
  const sluice::proxy::TokenNames tokens = {
      .parameters = {"a"}, .cookies = {"a"}, .authorization = true};
  static_cast<void>(sluice::proxy::ClientAddress(request, forwarding, *peer));

  sluice::proxy::ForwardRequest forward{
      .request = request, .route = route, .forwarding = forwarding, .peer = *peer};
  forward.upgrade = request.upgrade_websocket();
  if (choices.tokens) forward.strip = &tokens;
  if (request.chunked()) forward.body = CallRequest::Body::kChunked;
  if (request.content_length() > 0) {
    forward.body = CallRequest::Body::kLength;
    forward.length = request.content_length();
  }
  const std::string head = ForwardRequestHead(forward);

  sluice::http::RequestParser upstream(kWideLimits);
  const auto fed = upstream.Feed(head, nullptr);
  Require(fed.event == sluice::http::RequestParser::Event::kHead && fed.consumed == head.size());
  const sluice::http::Request& seen = upstream.request();
  Require(seen.method_text() == request.method_text());
  Require(seen.minor_version() == 1 && seen.keep_alive());
  Require(seen.host() == (request.host().empty() ? "app" : request.host()));
  Require(seen.chunked() == request.chunked() && seen.content_length() == request.content_length());
  Require(seen.upgrade_websocket() == request.upgrade_websocket());
  Require(seen.target().starts_with('/') || seen.asterisk());
  Require(!seen.path().dot_segments() && !seen.fields().Has(FieldName::kExpect));
  if (!choices.strip_prefix) Require(seen.path().text() == request.path().text());
  if (!choices.tokens) Require(seen.query() == request.query());
  if (choices.tokens) {
    Require(!seen.Query("a") && !seen.Cookie("a") && !seen.Header("authorization"));
  }
  if (choices.edits) Require(seen.Header("x-set") == "1" && !seen.Header("x-removed"));
  CheckFields(seen.fields(), seen.upgrade_websocket(), seen.fields().Has(FieldName::kTe));
  for (size_t i = 0; i < seen.header_count(); ++i) {
    const auto known = seen.fields().known(i);
    Require(!known.folded || known.name == FieldName::kContentType ||
            known.name == FieldName::kContentDisposition || known.name == FieldName::kSetCookie ||
            known.name == FieldName::kCacheControl || known.name == FieldName::kAcceptRanges ||
            known.name == FieldName::kXAccelBuffering ||
            known.name == FieldName::kXAccelLimitRate || known.name == FieldName::kXAccelRedirect ||
            known.name == FieldName::kXAccelOther);
    if (known.name == FieldName::kXRealIp || known.name == FieldName::kXForwardedOther) {
      Require(choices.trusted);
    }
  }

  const auto again =
      sluice::proxy::RedirectRequest(request, {.name = {}, .path = "/b", .query = {}});
  Require(again.has_value() && !again->has_body() && again->path().text() == "/b");
}

void ForwardAnAnswer(std::string_view bytes, const Choices& choices) {
  sluice::http::ResponseParser parser(kAnswerLimits);
  parser.Start({.head = choices.tokens});
  if (parser.Feed(bytes, nullptr).event != sluice::http::ResponseParser::Event::kHead) return;
  const sluice::http::ResponseHead& head = parser.head();
  const auto accel = sluice::proxy::ReadXAccel(head, true);
  if (accel.redirect) static_cast<void>(sluice::proxy::ParseRedirectTarget(*accel.redirect));
  static_cast<void>(sluice::proxy::IsEventStream(head));
  const auto kept = sluice::proxy::FieldsOverRedirect(head);

  sluice::config::Route route;
  if (choices.edits) route.response_headers = {.set = {{"X-Set", "1"}}, .remove = {"x-removed"}};
  const sluice::config::Forwarding forwarding;
  sluice::proxy::ForwardResponse forward{.head = head, .route = route, .forwarding = forwarding};
  using Body = sluice::http::ResponseHead::Body;
  forward.chunked =
      choices.forwarded && (head.body() == Body::kChunked || head.body() == Body::kUntilClose);
  forward.keep_alive = choices.trusted;
  if (choices.strip_prefix) forward.kept = &kept;
  const std::string out = ForwardResponseHead(forward);

  sluice::http::ResponseParser client(kWideAnswerLimits);
  client.Start({.head = choices.tokens});
  const auto fed = client.Feed(out, nullptr);
  Require(fed.event == sluice::http::ResponseParser::Event::kHead && fed.consumed == out.size());
  Require(client.head().status() == head.status());
  Require(client.head().fields().Has(FieldName::kDate));
  if (head.body() == Body::kLength) {
    Require(client.head().body() == Body::kLength &&
            client.head().content_length() == head.content_length());
  }
  CheckFields(client.head().fields(), false, false);
  for (size_t i = 0; i < client.head().header_count(); ++i) {
    Require(!EqualsIgnoreCase(client.head().header(i).name.substr(0, 8), "x-accel-") ||
            client.head().header(i).name.size() == 8);
  }
  if (choices.edits) Require(client.head().Header("x-set") == "1");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Choices choices = {.trusted = (data[0] & 1U) != 0,
                           .strip_prefix = (data[0] & 2U) != 0,
                           .edits = (data[0] & 4U) != 0,
                           .forwarded = (data[0] & 8U) != 0,
                           .tokens = (data[0] & 16U) != 0};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 32U) != 0) {
    ForwardAnAnswer(bytes, choices);
  } else {
    ForwardARequest(bytes, choices);
  }
  return 0;
}
