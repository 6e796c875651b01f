#include "sluice/proxy/forward_request.h"

#include <functional>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/proxy/heads_for_test.h"

namespace sluice::proxy {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

// What our own fields are for a peer at 192.0.2.9 and Host a.
constexpr std::string_view kOwn =
    "|Via: 1.1 sluice|X-Forwarded-For: 192.0.2.9|X-Forwarded-Proto: http|X-Forwarded-Host: a";

class ForwardRequestTest : public ::testing::Test {
 protected:
  ForwardRequestTest() {
    route_.upstream = "app";
    forwarding_.trusted_proxies.push_back(
        {.base = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10}, .bits = 104});
  }

  // The upstream's head of a request, as lines joined by '|'.
  std::string Forward(std::string_view lines,
                      const std::function<void(ForwardRequest&)>& change = {}) {
    const http::Request request = RequestOf(lines);
    ForwardRequest forward{
        .request = request, .route = route_, .forwarding = forwarding_, .peer = peer_};
    if (request.chunked()) forward.body = CallRequest::Body::kChunked;
    if (request.content_length() > 0) {
      forward.body = CallRequest::Body::kLength;
      forward.length = request.content_length();
    }
    forward.upgrade = request.upgrade_websocket();
    if (change) change(forward);
    return Unlined(ForwardRequestHead(forward));
  }
  // The fields of a GET with `lines` that are neither its Host nor ours.
  std::string Fields(std::string_view lines,
                     const std::function<void(ForwardRequest&)>& change = {}) {
    std::string head = Forward("GET / HTTP/1.1|Host: a|" + std::string(lines), change);
    constexpr std::string_view kBegin = "GET / HTTP/1.1|Host: a";
    EXPECT_TRUE(head.starts_with(kBegin)) << head;
    EXPECT_TRUE(head.ends_with(kOwn)) << head;
    head.resize(head.size() - kOwn.size());
    return head.size() > kBegin.size() ? head.substr(kBegin.size() + 1) : "";
  }
  std::string FirstLine(std::string_view target) {
    const std::string head = Forward("GET " + std::string(target) + " HTTP/1.1|Host: a");
    return head.substr(0, head.find('|'));
  }

  config::Route route_;
  config::Forwarding forwarding_;
  net::PeerAddress peer_ = AddressOf("192.0.2.9");
};

TEST_F(ForwardRequestTest, HeadIsPutTogetherAnew) {
  EXPECT_EQ(Forward("POST /a/b?c=d HTTP/1.1|Host: a|Accept:text/html |x-UPPER:  y z|"
                    "Cookie: a=1|Cookie: b=2|Content-Length: 05|Empty:"),
            "POST /a/b?c=d HTTP/1.1|Host: a|Accept: text/html|x-UPPER: y z|Cookie: a=1|Cookie: b=2|"
            "Empty: |Content-Length: 5" +
                std::string(kOwn));
  EXPECT_EQ(Forward("PUT / HTTP/1.1|Transfer-Encoding: chunked|Host: a"),
            "PUT / HTTP/1.1|Host: a|Transfer-Encoding: chunked" + std::string(kOwn));
  EXPECT_EQ(Forward("POST / HTTP/1.1|Host: a|Content-Length: 0"),
            "POST / HTTP/1.1|Host: a|Content-Length: 0" + std::string(kOwn));
  EXPECT_EQ(Forward("GET / HTTP/1.1|Host: a|Content-Length: 0"),
            "GET / HTTP/1.1|Host: a" + std::string(kOwn));
}

TEST_F(ForwardRequestTest, TargetIsAPathAndTheQueryAsItCame) {
  EXPECT_EQ(FirstLine("/%7Ea//b?x=%41&&y"), "GET /%7Ea//b?x=%41&&y HTTP/1.1");
  EXPECT_EQ(FirstLine("/?"), "GET /? HTTP/1.1");
  EXPECT_EQ(FirstLine("/a/../b?../c"), "GET /b?../c HTTP/1.1");
  EXPECT_EQ(FirstLine("/public/%2e%2e/admin"), "GET /admin HTTP/1.1");
  EXPECT_EQ(FirstLine("http://other:81/x?y"), "GET /x?y HTTP/1.1");
  EXPECT_EQ(FirstLine("HTTP://other?y"), "GET /?y HTTP/1.1");
  EXPECT_THAT(Forward("OPTIONS * HTTP/1.1|Host: a"), ::testing::StartsWith("OPTIONS * HTTP/1.1|"));
  route_.path = "/api";
  route_.strip_prefix = true;
  EXPECT_EQ(FirstLine("/api/x/?y"), "GET /x/?y HTTP/1.1");
}

TEST_F(ForwardRequestTest, HostIsTheClientsOrTheRoutesOrTheUpstreams) {
  EXPECT_THAT(Forward("GET http://real:81/ HTTP/1.1|Host: fake"), HasSubstr("|Host: real:81|"));
  EXPECT_THAT(Forward("GET http://real:81/ HTTP/1.1|Host: fake"), Not(HasSubstr("fake")));
  EXPECT_THAT(Forward("GET / HTTP/1.0|Accept: x"), HasSubstr("HTTP/1.1|Host: app|Accept: x"));
  EXPECT_THAT(Forward("GET / HTTP/1.0|Accept: x"), Not(HasSubstr("Forwarded-Host")));
  route_.host = "internal.example";
  const std::string head = Forward("GET / HTTP/1.1|Host: a:80");
  EXPECT_THAT(head, HasSubstr("HTTP/1.1|Host: internal.example|"));
  EXPECT_THAT(head, EndsWith("|X-Forwarded-Host: a:80"));
}

TEST_F(ForwardRequestTest, FieldsOfOneConnectionEndHere) {
  EXPECT_EQ(Fields("Connection: keep-alive, X-Hop ,\tx-two|X-HOP: 1|A: 1|Connection: x-three|"
                   "X-Two: 2|X-Three: 3|B: 2"),
            "A: 1|B: 2");
  EXPECT_EQ(
      Fields("Keep-Alive: timeout=5|Proxy-Connection: keep-alive|Trailer: X|HTTP2-Settings: x|"
             "Proxy-Authorization: Basic eA==|TE: gzip|Upgrade: h2c|Expect: 100-continue|A: 1"),
      "A: 1");
}

TEST_F(ForwardRequestTest, NominatingWhatEveryoneNeedsTakesNothingAway) {
  EXPECT_EQ(Fields("Connection: close, Host, Authorization, Cookie, X-Forwarded-For, Content-Type,"
                   " Via, Cache-Control, Content-Encoding|Authorization: b|Cookie: c=d|"
                   "Content-Type: e|Cache-Control: no-cache|Content-Encoding: gzip|Via: 1.0 f"),
            "Authorization: b|Cookie: c=d|Content-Type: e|Cache-Control: no-cache|"
            "Content-Encoding: gzip|Via: 1.0 f");
  EXPECT_THAT(Forward("POST / HTTP/1.1|Host: a|Connection: Content-Length|Content-Length: 3"),
              HasSubstr("|Content-Length: 3|"));
  EXPECT_THAT(Forward("POST / HTTP/1.1|Host: a|Connection: Transfer-Encoding|"
                      "Transfer-Encoding: chunked"),
              HasSubstr("|Transfer-Encoding: chunked|"));
}

TEST_F(ForwardRequestTest, SpoofedFieldsAreDroppedHoweverTheyAreSpelled) {
  EXPECT_EQ(Fields("X-Forwarded-For: 1.2.3.4|x-forwarded-proto: https|X-Forwarded-Host: evil|"
                   "X-Forwarded-Port: 1|X-Forwarded-Prefix: /x|Forwarded: for=1.2.3.4|X-Real-IP: 1|"
                   "X_Forwarded_For: 1|X-Forwarded_Proto: 2|X.Forwarded.Host: 3|x_real_ip: 4|"
                   "Content_Length: 5|Transfer_Encoding: chunked|Proxy_Connection: x|"
                   "X_Forwarded_Server: 6|A_B: kept"),
            "A_B: kept");
}

TEST_F(ForwardRequestTest, TrustedProxyIsAddedTo) {
  peer_ = AddressOf("10.1.2.3");
  EXPECT_THAT(Forward("GET / HTTP/1.1|Host: a|X-Forwarded-For: 1.2.3.4, 5.6.7.8|B: c|"
                      "X-Forwarded-For: 9.9.9.9|X-Forwarded-Proto: https|X-Forwarded-Host: site|"
                      "X-Forwarded-Port: 443|X-Real-IP: 1.2.3.4|X_Forwarded_For: evil"),
              EndsWith("Host: a|B: c|X-Forwarded-Port: 443|X-Real-IP: 1.2.3.4|Via: 1.1 sluice|"
                       "X-Forwarded-For: 1.2.3.4, 5.6.7.8, 9.9.9.9, 10.1.2.3|"
                       "X-Forwarded-Proto: https|X-Forwarded-Host: site"));
  EXPECT_THAT(Forward("GET / HTTP/1.1|Host: a"),
              EndsWith("|X-Forwarded-For: 10.1.2.3|X-Forwarded-Proto: http|X-Forwarded-Host: a"));
}

TEST_F(ForwardRequestTest, UnixPeerHasNoAddress) {
  peer_ = AddressOf("unix");
  EXPECT_THAT(Forward("GET / HTTP/1.1|Host: a|X-Forwarded-For: 1.2.3.4"),
              Not(HasSubstr("X-Forwarded-For")));
  forwarding_.trusted_proxies.push_back({.base = {}, .bits = 0, .unix_sockets = true});
  EXPECT_THAT(Forward("GET / HTTP/1.1|Host: a|X-Forwarded-For: 1.2.3.4"),
              HasSubstr("|X-Forwarded-For: 1.2.3.4|"));
}

TEST_F(ForwardRequestTest, ForwardedIsWrittenAsRfc7239HasIt) {
  forwarding_.forwarded = true;
  const auto forwarded = [&](std::string_view lines) {
    const std::string head = Forward(lines, [](ForwardRequest& f) { f.tls = true; });
    return head.substr(head.find("Forwarded: for"));
  };
  EXPECT_EQ(forwarded("GET / HTTP/1.1|Host: a|Forwarded: for=evil"),
            "Forwarded: for=192.0.2.9;host=a;proto=https");
  peer_ = AddressOf("2001:db8::1");
  EXPECT_EQ(forwarded("GET / HTTP/1.1|Host: [::1]:80"),
            "Forwarded: for=\"[2001:db8::1]\";host=\"[::1]:80\";proto=https");
  EXPECT_THAT(Forward("GET / HTTP/1.1|Host: a"), HasSubstr("|X-Forwarded-For: 2001:db8::1|"));
  peer_ = AddressOf("unix");
  EXPECT_EQ(forwarded("GET / HTTP/1.0|A: b"), "Forwarded: for=unknown;proto=https");
  peer_ = AddressOf("10.0.0.1");
  EXPECT_THAT(Forward("GET / HTTP/1.1|Host: a|Forwarded: for=1.2.3.4"),
              HasSubstr("Host: a|Forwarded: for=1.2.3.4|Via"));
}

TEST_F(ForwardRequestTest, ViaIsAddedUnlessItIsOff) {
  EXPECT_THAT(Forward("GET / HTTP/1.0|Via: 1.1 x"), HasSubstr("|Via: 1.1 x|Via: 1.0 sluice|"));
  forwarding_.via = false;
  EXPECT_THAT(Forward("GET / HTTP/1.1|Host: a|Via: 1.1 x"), Not(HasSubstr("sluice")));
}

TEST_F(ForwardRequestTest, TrailersAreTakenForAClientThatTakesThem) {
  EXPECT_EQ(Fields("Connection: TE|TE: gzip;q=0, Trailers"), "Connection: TE|TE: trailers");
  EXPECT_EQ(Fields("TE: deflate"), "");
  EXPECT_THAT(Forward("GET / HTTP/1.0|TE: trailers"), Not(HasSubstr("TE:")));
}

TEST_F(ForwardRequestTest, WebSocketIsAskedForAnew) {
  const std::string lines =
      "Connection: keep-alive, Upgrade|Upgrade: WebSocket|Sec-WebSocket-Key: x|TE: trailers";
  EXPECT_EQ(Fields(lines),
            "Sec-WebSocket-Key: x|Connection: upgrade, TE|Upgrade: websocket|TE: trailers");
  EXPECT_EQ(Fields("Connection: Upgrade|Upgrade: websocket"),
            "Connection: upgrade|Upgrade: websocket");
  EXPECT_EQ(Fields("Connection: Upgrade|Upgrade: websocket|A: b",
                   [](ForwardRequest& f) { f.upgrade = false; }),
            "A: b");
}

TEST_F(ForwardRequestTest, RouteSetsAndRemoves) {
  route_.request_headers = {.set = {{"X-Env", "prod"}, {"X-Forwarded-Proto", "https"}},
                            .remove = {"x-debug", "via", "cookie"}};
  EXPECT_EQ(
      Forward("GET / HTTP/1.1|Host: a|x-env: evil|X_Env: evil|X-Debug: 1|x.debug: 1|Via: 1.0 x|"
              "Cookie: a|A: b"),
      "GET / HTTP/1.1|Host: a|A: b|X-Forwarded-For: 192.0.2.9|X-Forwarded-Host: a|"
      "X-Env: prod|X-Forwarded-Proto: https");
}

TEST_F(ForwardRequestTest, WhatAuthSaysReplacesWhatTheClientSays) {
  route_.auth_request = config::AuthRequest{
      .upstream = "auth", .path = "/", .copy = {"x-user", "x-role"}, .cache_key = {}};
  route_.request_headers.set = {{"X-Env", "prod"}};
  const FieldList fields = {{"X-User", "ada"}, {"x-env", "evil"}};
  EXPECT_THAT(Forward("GET / HTTP/1.1|Host: a|X-User: eve|X_USER: eve|x-role: admin|A: b",
                      [&](ForwardRequest& f) { f.fields = &fields; }),
              ::testing::AllOf(HasSubstr("Host: a|A: b|Via"), EndsWith("|X-Env: prod|X-User: ada"),
                               Not(HasSubstr("eve")), Not(HasSubstr("admin"))));
}

TEST_F(ForwardRequestTest, TokensAreTakenOut) {
  const TokenNames names = {
      .parameters = {"token", "key"}, .cookies = {"session"}, .authorization = true};
  const auto strip = [&](ForwardRequest& f) { f.strip = &names; };
  const auto line = [&](std::string_view target) {
    const std::string head = Forward("GET " + std::string(target) + " HTTP/1.1|Host: a", strip);
    return head.substr(4, head.find(" HTTP") - 4);
  };
  EXPECT_EQ(line("/a?token=x&b=1&key=y&token&c=token"), "/a?b=1&c=token");
  EXPECT_EQ(line("/a?%74oken=x"), "/a");
  EXPECT_EQ(line("/a?tokens=x&to+ken=y"), "/a?tokens=x&to+ken=y");
  EXPECT_EQ(line("/a?"), "/a");
  EXPECT_EQ(
      Fields("Authorization: Bearer x|Cookie: a=1; session=y;b=2|Cookie: session=z|A: b", strip),
      "Cookie: a=1; b=2|A: b");
  EXPECT_EQ(Fields("Cookie: a=1;  c = 2 ;; sessions=3", strip), "Cookie: a=1; c = 2; sessions=3");
}

TEST_F(ForwardRequestTest, SubrequestHasAnotherTargetAndNoBody) {
  EXPECT_EQ(Forward("POST /x?y HTTP/1.1|Host: a|Content-Length: 3|Content-Type: t|content-md5: x|"
                    "Expect: 100-continue|Cookie: a=b",
                    [](ForwardRequest& f) {
                      f.method = "GET";
                      f.target = "/auth?z";
                      f.body = CallRequest::Body::kNone;
                    }),
            "GET /auth?z HTTP/1.1|Host: a|Cookie: a=b" + std::string(kOwn));
}

struct ClientCase {
  std::string_view peer;
  std::string_view lines;
  std::string_view client;
};

class ClientAddressTest : public ::testing::TestWithParam<ClientCase> {};

TEST_P(ClientAddressTest, IsTheLastThatIsNotTrusted) {
  config::Forwarding forwarding;
  forwarding.trusted_proxies = {
      {.base = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10}, .bits = 104},
      {.base = {}, .bits = 0, .unix_sockets = true}};
  const auto request = RequestOf("GET / HTTP/1.1|Host: a|" + std::string(GetParam().lines));
  EXPECT_EQ(ClientAddress(request, forwarding, AddressOf(GetParam().peer)).Host(),
            GetParam().client);
}

INSTANTIATE_TEST_SUITE_P(
    Clients, ClientAddressTest,
    ::testing::Values(
        ClientCase{"192.0.2.1", "X-Forwarded-For: 1.2.3.4", "192.0.2.1"},
        ClientCase{"10.0.0.1", "A: b", "10.0.0.1"},
        ClientCase{"10.0.0.1", "X-Forwarded-For: 1.2.3.4", "1.2.3.4"},
        ClientCase{"10.0.0.1", "X_Forwarded_For: 1.2.3.4", "10.0.0.1"},
        ClientCase{"unix", "x-forwarded-for: 1.2.3.4", "1.2.3.4"},
        ClientCase{"10.0.0.1", "X-Forwarded-For: 6.6.6.6, 1.2.3.4 ,10.0.0.2", "1.2.3.4"},
        ClientCase{"10.0.0.1", "X-Forwarded-For: 6.6.6.6|X-Forwarded-For: 10.0.0.3, 10.0.0.2",
                   "6.6.6.6"},
        ClientCase{"10.0.0.1", "X-Forwarded-For: 10.0.0.3, 10.0.0.2", "10.0.0.3"},
        ClientCase{"10.0.0.1", "X-Forwarded-For: 6.6.6.6, evil, 10.0.0.2", "10.0.0.2"},
        ClientCase{"10.0.0.1", "X-Forwarded-For: 6.6.6.6, unknown", "10.0.0.1"},
        ClientCase{"10.0.0.1", "X-Forwarded-For: , ,1.2.3.4,,", "1.2.3.4"},
        ClientCase{"10.0.0.1", "X-Forwarded-For:", "10.0.0.1"},
        ClientCase{"10.0.0.1", "X-Forwarded-For: 1.2.3.4:4711", "1.2.3.4"},
        ClientCase{"10.0.0.1", "X-Forwarded-For: [2001:db8::1]:4711", "2001:db8::1"},
        ClientCase{"10.0.0.1", "X-Forwarded-For: 2001:db8::2", "2001:db8::2"},
        ClientCase{"10.0.0.1", "X-Forwarded-For: 1.2.3.4:x", "10.0.0.1"},
        ClientCase{"10.0.0.1", "X-Forwarded-For: [::1", "10.0.0.1"}));

}  // namespace
}  // namespace sluice::proxy
