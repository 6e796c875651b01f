#include "sluice/proxy/forward_response.h"

#include <functional>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/http/response.h"
#include "unit/proxy/heads_for_test.h"

namespace sluice::proxy {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ForwardResponseTest : public ::testing::Test {
 protected:
  std::string Forward(std::string_view lines,
                      const std::function<void(ForwardResponse&)>& change = {},
                      const http::ResponseContext& context = {}) {
    const http::ResponseHead head = ResponseOf(lines, context);
    ForwardResponse forward{.head = head, .route = route_, .forwarding = forwarding_};
    if (change) change(forward);
    return Unlined(head.status() < 200 && head.status() != 101 ? ForwardInterimHead(forward)
                                                               : ForwardResponseHead(forward));
  }
  // The fields of a 200 with `lines` and a Date, without that, Via and the length.
  std::string Fields(std::string_view lines) {
    std::string head = Forward("HTTP/1.1 200 OK|Content-Length: 0|Date: x|" + std::string(lines));
    constexpr std::string_view kBegin = "HTTP/1.1 200 OK|Content-Length: 0|Date: x";
    constexpr std::string_view kEnd = "|Via: 1.1 sluice";
    EXPECT_TRUE(head.starts_with(kBegin) && head.ends_with(kEnd)) << head;
    head.resize(head.size() - kEnd.size());
    return head.size() > kBegin.size() ? head.substr(kBegin.size() + 1) : "";
  }

  config::Route route_;
  config::Forwarding forwarding_;
};

TEST_F(ForwardResponseTest, FieldsKeepTheirOrderAndTheirNumber) {
  EXPECT_EQ(Forward("HTTP/1.1 404 Gone Fishing|Server: x|Set-Cookie: a|Content-Length: 3|Date: y|"
                    "Set-Cookie: b|x:z"),
            "HTTP/1.1 404 Gone Fishing|Server: x|Set-Cookie: a|Content-Length: 3|Date: y|"
            "Set-Cookie: b|x: z|Via: 1.1 sluice");
}

TEST_F(ForwardResponseTest, FieldsOfCorsAreReplaced) {
  constexpr std::string_view kAnswer =
      "HTTP/1.1 200 OK|Vary: Cookie|access-control-allow-origin: *|Content-Length: 0|"
      "Access-Control-Allow-Credentials: true|Access-Control-Expose-Headers: X-A|Access-Control: x|"
      "Access-Control-Max-Age: 5|Date: x";
  EXPECT_EQ(Forward(kAnswer), std::string(kAnswer) + "|Via: 1.1 sluice") << "they are the app's";
  const ForwardResponse::Views cors = {{"Vary", "Origin"},
                                       {"Access-Control-Allow-Origin", "https://app.example"}};
  EXPECT_EQ(Forward(kAnswer, [&](ForwardResponse& forward) { forward.cors = &cors; }),
            "HTTP/1.1 200 OK|Vary: Cookie|Content-Length: 0|Access-Control-Expose-Headers: X-A|"
            "Access-Control: x|Date: x|Vary: Origin|"
            "Access-Control-Allow-Origin: https://app.example|Via: 1.1 sluice");
}

TEST_F(ForwardResponseTest, DateIsAddedIfThereIsNone) {
  EXPECT_EQ(Forward("HTTP/1.0 200|A: b"),
            "HTTP/1.1 200 OK|A: b|Date: " + std::string(http::CurrentDate()) + "|Via: 1.0 sluice");
}

TEST_F(ForwardResponseTest, FieldsOfOneConnectionEndHere) {
  EXPECT_EQ(Fields("Connection: keep-alive, X-Hop|Keep-Alive: timeout=5|X-Hop: 1|Trailer: x|"
                   "Proxy-Connection: x|Proxy-Authenticate: Basic|Upgrade: h2c|A: b|x-HOP: 2"),
            "A: b");
  EXPECT_EQ(Fields("Connection: Set-Cookie, Content-Type, Cache-Control|Set-Cookie: a|"
                   "Content-Type: b|Cache-Control: no-store"),
            "Set-Cookie: a|Content-Type: b|Cache-Control: no-store");
}

TEST_F(ForwardResponseTest, XAccelIsForUsAlone) {
  EXPECT_EQ(Fields("X-Accel-Redirect: /x|x-accel-buffering: no|X-Accel-Limit-Rate: 1|"
                   "X-ACCEL-EXPIRES: 0|X-Accel-Charset: x|X-Accel-Anything: y|X-Accelerate: z"),
            "X-Accelerate: z");
}

TEST_F(ForwardResponseTest, FramingIsTheClientConnections) {
  const auto chunked = [](ForwardResponse& f) { f.chunked = true; };
  const std::string head = Forward("HTTP/1.1 200 OK|Transfer-Encoding: chunked|Date: x", chunked);
  EXPECT_EQ(head, "HTTP/1.1 200 OK|Date: x|Via: 1.1 sluice|Transfer-Encoding: chunked");
  EXPECT_EQ(Forward("HTTP/1.1 200 OK|Content-Length: 3|Date: x", chunked), head);
  EXPECT_EQ(Forward("HTTP/1.1 200 OK|Transfer-Encoding: chunked|Date: x",
                    [](ForwardResponse& f) { f.keep_alive = false; }),
            "HTTP/1.1 200 OK|Date: x|Via: 1.1 sluice|Connection: close");
  EXPECT_EQ(Forward("HTTP/1.1 200 OK|Content-Length: 3|Date: x",
                    [](ForwardResponse& f) { f.minor_version = 0; }),
            "HTTP/1.1 200 OK|Content-Length: 3|Date: x|Via: 1.1 sluice|Connection: keep-alive");
}

TEST_F(ForwardResponseTest, LengthWithoutABodyIsKeptWhereItMeansSomething) {
  EXPECT_THAT(Forward("HTTP/1.1 200 OK|Content-Length: 3", {}, {.head = true}),
              HasSubstr("|Content-Length: 3|"));
  EXPECT_THAT(Forward("HTTP/1.1 304 Not Modified|Content-Length: 3"),
              HasSubstr("|Content-Length: 3|"));
  EXPECT_THAT(Forward("HTTP/1.1 204 No Content|Content-Length: 3"), Not(HasSubstr("Length")));
}

TEST_F(ForwardResponseTest, RouteSetsAndRemoves) {
  route_.response_headers = {.set = {{"X-Env", "prod"}, {"Date", "never"}},
                             .remove = {"server", "via"}};
  EXPECT_EQ(Forward("HTTP/1.1 200 OK|Server: x|x-env: a|X-Env: b|Via: 1.0 y|Content-Length: 0"),
            "HTTP/1.1 200 OK|Content-Length: 0|X-Env: prod|Date: never");
}

TEST_F(ForwardResponseTest, ViaCanBeOff) {
  forwarding_.via = false;
  EXPECT_THAT(Forward("HTTP/1.1 200 OK|Content-Length: 0|Via: 1.1 x"), Not(HasSubstr("sluice")));
}

TEST_F(ForwardResponseTest, InterimAnswersHaveTheirFieldsAlone) {
  route_.response_headers = {.set = {{"X-Env", "prod"}}, .remove = {"server"}};
  EXPECT_EQ(Forward("HTTP/1.1 103 Early Hints|Link: a|Connection: x|X: y|Server: z|Link: b|"
                    "X-Accel-Buffering: no",
                    {}, {.interim = true}),
            "HTTP/1.1 103 Early Hints|Link: a|Link: b");
}

TEST_F(ForwardResponseTest, SwitchedProtocolIsWebSocket) {
  EXPECT_EQ(Forward("HTTP/1.1 101 Switching Protocols|Connection: Upgrade|Upgrade: WebSocket|"
                    "Sec-WebSocket-Accept: x|Date: y|Content-Length: 0",
                    {}, {.upgrade = true}),
            "HTTP/1.1 101 Switching Protocols|Sec-WebSocket-Accept: x|Date: y|Via: 1.1 sluice|"
            "Connection: upgrade|Upgrade: websocket");
}

TEST_F(ForwardResponseTest, FieldsOverARedirectStandBesideTheTargets) {
  const FieldList kept = {{"Content-Type", "kept"},
                          {"set-cookie", "1"},
                          {"Cache-Control", "no-store"},
                          {"Expires", "kept"},
                          {"Set-Cookie", "2"}};
  EXPECT_EQ(
      Forward("HTTP/1.1 200 OK|Content-Type: own|Set-Cookie: 3|Cache-Control: public|"
              "Content-Length: 0|Date: x",
              [&](ForwardResponse& f) { f.kept = &kept; }),
      "HTTP/1.1 200 OK|Content-Type: own|Set-Cookie: 3|Cache-Control: public|Content-Length: 0|"
      "Date: x|set-cookie: 1|Cache-Control: no-store|Expires: kept|Set-Cookie: 2|"
      "Via: 1.1 sluice");
}

}  // namespace
}  // namespace sluice::proxy
