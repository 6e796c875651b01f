#include "sluice/proxy/x_accel.h"

#include <optional>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/proxy/heads_for_test.h"

namespace sluice::proxy {
namespace {

using ::testing::HasSubstr;

http::ResponseHead Answer(std::string_view lines) {
  return ResponseOf("HTTP/1.1 200 OK|" + std::string(lines));
}

// "yes", "no" or "" as one field's value, or several lines.
std::optional<bool> BufferingOf(std::string_view lines) {
  return ReadXAccel(Answer(lines), true).buffering;
}

TEST(XAccelTest, BufferingIsYesOrNoAndTheLastCounts) {
  EXPECT_EQ(BufferingOf("X-Accel-Buffering: no"), false);
  EXPECT_EQ(BufferingOf("x-accel-buffering:YES "), true);
  EXPECT_EQ(BufferingOf("X-Accel-Buffering: No|X-Accel-Buffering: yes"), true);
  EXPECT_EQ(BufferingOf("X-Accel-Buffering: no|X-Accel-Buffering: maybe"), false);
  for (const std::string_view other : {"off", "0", "no;", "yes, no", "", "n"}) {
    EXPECT_EQ(BufferingOf("X-Accel-Buffering: " + std::string(other)), std::nullopt) << other;
  }
  EXPECT_EQ(BufferingOf("X_Accel_Buffering: no"), std::nullopt);
}

TEST(XAccelTest, LimitRateIsPlainDecimalAndTheFirstCounts) {
  const auto rate = [](std::string_view lines) {
    return ReadXAccel(Answer(lines), true).limit_rate;
  };
  EXPECT_EQ(rate("X-Accel-Limit-Rate: 65536"), 65536U);
  EXPECT_EQ(rate("X-Accel-Limit-Rate: 0"), 0U);
  EXPECT_EQ(rate("X-Accel-Limit-Rate: 1|X-Accel-Limit-Rate: 2"), 1U);
  EXPECT_EQ(rate("X-Accel-Limit-Rate: x|X-Accel-Limit-Rate: 2"), std::nullopt);
  for (const std::string_view bad :
       {"-1", "+1", "1k", "0x10", "1 2", "", "off", "99999999999999999999"}) {
    EXPECT_EQ(rate("X-Accel-Limit-Rate: " + std::string(bad)), std::nullopt) << bad;
  }
}

TEST(XAccelTest, UntrustedUpstreamAsksForNothing) {
  const auto head = Answer("X-Accel-Redirect: /x|X-Accel-Buffering: no|X-Accel-Limit-Rate: 1");
  const XAccel trusted = ReadXAccel(head, true);
  EXPECT_EQ(trusted.redirect, "/x");
  const XAccel accel = ReadXAccel(head, false);
  EXPECT_FALSE(accel.redirect || accel.buffering || accel.limit_rate);
}

TEST(XAccelTest, EventStreamIsToldByItsMediaTypeAlone) {
  for (const std::string_view type :
       {"text/event-stream", "TEXT/Event-Stream", "text/event-stream; charset=utf-8",
        "text/event-stream;x", "text/event-stream\t;"}) {
    EXPECT_TRUE(IsEventStream(Answer("Content-Type: " + std::string(type)))) << type;
  }
  for (const std::string_view type :
       {"text/event-streams", "text/html; text/event-stream", "text/event", ""}) {
    EXPECT_FALSE(IsEventStream(Answer("Content-Type: " + std::string(type)))) << type;
  }
  EXPECT_FALSE(IsEventStream(Answer("A: b")));
}

TEST(XAccelTest, SixFieldsSurviveARedirect) {
  const FieldList kept = FieldsOverRedirect(
      Answer("Content-Type: a|Set-Cookie: b|ETag: c|Content-Disposition: d|Location: e|"
             "Cache-Control: f|Expires: g|Accept-Ranges: h|Set-Cookie: i|X-A: j|Content-Length: 0|"
             "X-Accel-Redirect: /k"));
  std::string text;
  for (const auto& [name, value] : kept) text += name + "=" + value + ";";
  EXPECT_EQ(text,
            "Content-Type=a;Set-Cookie=b;Content-Disposition=d;Cache-Control=f;Expires=g;"
            "Accept-Ranges=h;Set-Cookie=i;");
}

TEST(XAccelTest, RedirectTargetsThatLeadNowhereAreErrors) {
  for (const std::string_view bad :
       {"",    "?x",     "x",     "../x",      "http://h/x", "//../x", "/a/../b", "/a/%2e%2E/b",
        "/..", "/./a",   "/%00",  "/a%0d%0ab", "/%",         "/%zz",   "/a\\b",   "/a/..;/b",
        "@",   "/a\x01", "@a\tb", "/a\x7f"}) {
    EXPECT_FALSE(ParseRedirectTarget(bad)) << bad;
  }
  EXPECT_FALSE(ParseRedirectTarget(std::string_view("/a\0b", 4)));
  const auto secret = ParseRedirectTarget("s3cret");
  EXPECT_EQ(secret.error().message.find("s3cret"), std::string::npos);
}

TEST(XAccelTest, RedirectTargetIsAPathWithOrWithoutAQueryOrAName) {
  const auto plain = ParseRedirectTarget("/events/rooms/42");
  EXPECT_EQ(plain->path, "/events/rooms/42");
  EXPECT_EQ(plain->query, std::nullopt);
  const auto query = ParseRedirectTarget("/a?b=c?d#e");
  EXPECT_EQ(query->path, "/a");
  EXPECT_EQ(query->query, "b=c?d%23e");
  EXPECT_EQ(ParseRedirectTarget("/a?")->query, "");
  EXPECT_EQ(ParseRedirectTarget("/r\xC3\xA4um e/%41")->path, "/r%C3%A4um%20e/%41");
  const auto named = ParseRedirectTarget("@app");
  EXPECT_EQ(named->name, "@app");
  EXPECT_TRUE(named->path.empty());
}

std::string Redirected(std::string_view lines, std::string_view value) {
  const auto target = ParseRedirectTarget(value);
  EXPECT_TRUE(target);
  const auto request = RedirectRequest(RequestOf(lines), *target);
  EXPECT_TRUE(request) << request.error().message;
  return Unlined(request->fields().bytes());
}

TEST(XAccelTest, RequestAfterARedirectIsGetWithoutABody) {
  EXPECT_EQ(Redirected("POST /x?last_event_id=7 HTTP/1.1|Content-Length: 3|Host: a|Content-Type: t|"
                       "Last-Event-ID: 7|Expect: 100-continue|Cookie: b",
                       "/topic"),
            "GET /topic?last_event_id=7 HTTP/1.1|Host: a|Last-Event-ID: 7|Cookie: b");
  EXPECT_EQ(Redirected("HEAD http://b/x?y HTTP/1.1|Host: a", "/t?z=1"),
            "HEAD /t?z=1 HTTP/1.1|Host: b");
  EXPECT_EQ(Redirected("PUT /x?y HTTP/1.0|Content-Length: 3", "/t?"), "GET /t HTTP/1.0");
  EXPECT_EQ(Redirected("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|A: b", "/t"),
            "GET /t HTTP/1.1|Host: a|A: b");
}

TEST(XAccelTest, RequestAfterARedirectMayBeLong) {
  const std::string path = "/" + std::string(9'000, 'x');
  EXPECT_THAT(Redirected("GET / HTTP/1.1|Host: a", path), HasSubstr(path));
}

}  // namespace
}  // namespace sluice::proxy
