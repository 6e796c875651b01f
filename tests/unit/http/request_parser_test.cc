#include "sluice/http/request_parser.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/http/parse_outcome.h"

namespace sluice::http {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// The status that a request is refused with; 0 if it is taken.
int StatusOf(std::string_view bytes, const RequestLimits& limits = {}) {
  return Parse(bytes, limits).status;
}

// The same for a GET with these header lines after its Host.
int StatusOfFields(const std::string& fields) {
  return StatusOf("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
}

int StatusOfTarget(const std::string& target) {
  return StatusOf("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
}

int StatusOfHost(const std::string& host) {
  return StatusOf("GET / HTTP/1.1\r\nHost:" + host + "\r\n\r\n");
}

int StatusOfChunks(const std::string& chunks, const RequestLimits& limits = {}) {
  return StatusOf("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
                  limits);
}

class HeadTest : public ::testing::Test {
 protected:
  const Request& Read(std::string_view bytes) {
    const RequestParser::Fed fed = parser_.Feed(bytes, nullptr);
    EXPECT_EQ(fed.event, RequestParser::Event::kHead) << parser_.error().detail;
    consumed_ = fed.consumed;
    return parser_.request();
  }

  RequestLimits limits_;
  RequestParser parser_{limits_};
  size_t consumed_ = 0;
};

TEST_F(HeadTest, TellsWhatWasAsked) {
  const Request& request = Read(
      "GET /events/news?lastEventId=k%2E7&x=a+b HTTP/1.1\r\n"
      "Host: example.test:8080\r\n"
      "Accept:  text/event-stream \t\r\n"
      "Cookie: a=1; session=s3; a=2\r\n"
      "LAST-event-ID: k.9\r\n\r\n");
  EXPECT_EQ(request.method(), Method::kGet);
  EXPECT_EQ(request.method_text(), "GET");
  EXPECT_EQ(request.minor_version(), 1);
  EXPECT_EQ(request.host(), "example.test:8080");
  ASSERT_EQ(request.path().segment_count(), 2U);
  EXPECT_EQ(request.path().segment(1), "news");
  EXPECT_EQ(request.query(), "lastEventId=k%2E7&x=a+b");
  EXPECT_EQ(request.Query("lastEventId"), "k.7");
  EXPECT_EQ(request.Query("x"), "a b");
  EXPECT_EQ(request.Query("y"), std::nullopt);
  EXPECT_EQ(request.Header("accept"), "text/event-stream");
  EXPECT_EQ(request.Header("Last-Event-ID"), "k.9");
  EXPECT_EQ(request.Header("x-none"), std::nullopt);
  EXPECT_EQ(request.Cookie("session"), "s3");
  EXPECT_EQ(request.Cookie("a"), "1");
  EXPECT_EQ(request.Cookie("sess"), std::nullopt);
  EXPECT_TRUE(request.keep_alive());
  EXPECT_FALSE(request.has_body());
}

TEST_F(HeadTest, RequestOutlivesTheParserWhenMoved) {
  const std::string bytes = "GET /a HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n";
  Request moved;
  {
    RequestParser parser(limits_);
    ASSERT_EQ(parser.Feed(bytes, nullptr).event, RequestParser::Event::kHead);
    moved = Request(parser.request());
  }
  EXPECT_EQ(moved.Header("x"), "y");
  EXPECT_EQ(moved.path().segment(0), "a");
}

TEST_F(HeadTest, AbsoluteFormWinsOverHost) {
  const Request& request = Read("GET HTTP://real.test:81?q=1 HTTP/1.1\r\nHost: other.test\r\n\r\n");
  EXPECT_EQ(request.host(), "real.test:81");
  EXPECT_EQ(request.path().text(), "/");
  EXPECT_EQ(request.Query("q"), "1");
}

TEST_F(HeadTest, AsteriskIsForOptions) {
  EXPECT_TRUE(Read("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").asterisk());
  EXPECT_EQ(StatusOfTarget("*"), 400);
  EXPECT_EQ(StatusOf("OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

TEST_F(HeadTest, OptionsOfAHostIsAsterisk) {
  EXPECT_TRUE(Read("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n").asterisk());
}

TEST_F(HeadTest, TokensAreFoundInListsAndRepeatedLines) {
  const Request& request = Read(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: te , X-Foo\r\nConnection: upgrade\r\n"
      "Upgrade: websocket\r\n\r\n");
  EXPECT_TRUE(request.HeaderHasToken("Connection", "x-foo"));
  EXPECT_TRUE(request.HeaderHasToken("connection", "UPGRADE"));
  EXPECT_FALSE(request.HeaderHasToken("connection", "foo"));
}

TEST_F(HeadTest, HeadEndsWhereTheBodyBegins) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
  const Request& request = Read(head + "abcGET");
  EXPECT_EQ(consumed_, head.size());
  EXPECT_EQ(request.content_length(), 3U);
  EXPECT_FALSE(parser_.complete());
  BodyString body;
  const RequestParser::Fed fed = parser_.Feed("abcGET", &body);
  EXPECT_EQ(fed.event, RequestParser::Event::kEnd);
  EXPECT_EQ(fed.consumed, 3U);
  EXPECT_EQ(body.text, "abc");
}

TEST_F(HeadTest, NextFreesTheRequest) {
  Read("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(parser_.complete());
  EXPECT_TRUE(parser_.started());
  parser_.Next();
  EXPECT_FALSE(parser_.started());
  EXPECT_EQ(parser_.request().header_count(), 0U);
  EXPECT_EQ(Read("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n").method(), Method::kHead);
}

TEST(RequestParserTest, KeepAliveFollowsVersionAndConnection) {
  EXPECT_THAT(Parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text, HasSubstr(" keep "));
  EXPECT_THAT(Parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n").text,
              HasSubstr(" close "));
  EXPECT_THAT(Parse("GET / HTTP/1.0\r\n\r\n").text, HasSubstr(" close "));
  EXPECT_THAT(Parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").text, HasSubstr(" keep "));
  EXPECT_THAT(Parse("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n").text,
              HasSubstr(" close "));
}

TEST(RequestParserTest, PipelinedRequestsComeOneByOne) {
  const Outcome outcome = Parse(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
      "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
      "\r\nGET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
      "GET /4 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(outcome.status, 0) << outcome.detail;
  EXPECT_THAT(outcome.text, HasSubstr("GET /1 "));
  EXPECT_THAT(outcome.text, HasSubstr("body=abc\n"));
  EXPECT_THAT(outcome.text, HasSubstr("GET /3 "));
  EXPECT_THAT(outcome.text, HasSubstr("GET /4 "));
}

TEST(RequestParserTest, MethodsThatAreNotServedAre501) {
  const std::string rest = " / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const char* method : {"FOO", "get", "GETX", "G", "SOURCE", "DESCRIBE", "PLAY", "X-1"}) {
    EXPECT_EQ(StatusOf(method + rest), 501) << method;
  }
  EXPECT_EQ(StatusOf("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"), 501);
  for (const char* method : {"PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "M-SEARCH"}) {
    EXPECT_EQ(StatusOf(method + rest), 0) << method;
  }
}

TEST(RequestParserTest, WhatIsNoRequestLineIs400) {
  EXPECT_EQ(StatusOf("\x16\x03\x01\x02"), 400);  // a TLS client on the plain port
  EXPECT_EQ(StatusOf("GET\r\n"), 400);
  EXPECT_EQ(StatusOf(" GET / HTTP/1.1\r\n"), 400);
  EXPECT_EQ(StatusOf("GET  / HTTP/1.1\r\n"), 400);
  EXPECT_EQ(StatusOf("GET /  HTTP/1.1\r\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1 \r\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\rX"), 400);
  EXPECT_EQ(StatusOf("\r\n\r\n\r\n\r\n\r\n\r\n"), 400);
}

TEST(RequestParserTest, OtherVersionsAre505AndNoneIs400) {
  EXPECT_EQ(StatusOf("GET /x\r\n"), 400);
  for (const char* version : {"HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "HTTP/3.1"}) {
    EXPECT_EQ(StatusOf("GET / " + std::string(version) + "\r\n"), 505) << version;
  }
  EXPECT_EQ(StatusOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
  for (const char* version : {"HTTP/1", "HTTP/1.", "HTTP/x.1", "HTTP/1.x", "HTPP/1.1", "ICE/1.0",
                              "http/1.1", "HTTP/11.1", "HTTP/1.11"}) {
    EXPECT_EQ(StatusOf("GET / " + std::string(version) + "\r\n"), 400) << version;
  }
}

TEST(RequestParserTest, TargetsThatTwoServersReadInTwoWaysAre400) {
  for (const char* target : {"/a#b",        "/a\tb",
                             "/a\x7f",      "/a\x01",
                             "/\xc3\xa9",   "x",
                             "a/b",         "*",
                             "http://",     "http:///x",
                             "http://u@h/", "http://h:99999/",
                             "http://h:x/", "http://[::1/",
                             "http://[]/",  "ftp://h/",
                             "//\r",        "?a",
                             "/%",          "/%00",
                             "/..",         "/a/%2e%2e/..",
                             "/a\\..",      "/..;/a",
                             "/a/%2e.;x/b", "/.;"}) {
    EXPECT_EQ(StatusOfTarget(target), 400) << target;
  }
  for (const char* target : {"/", "//", "/a?b?c", "/?", "/|^{}\"<>?\\", "http://h", "https://h:/",
                             "http://[::1]:80/?x", "/a%2fb", "/?a=%"}) {
    EXPECT_EQ(StatusOfTarget(target), 0) << target;
  }
}

TEST(RequestParserTest, Http11RequiresExactlyOneHost) {
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET http://a/ HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.0\r\n\r\n"), 0);
  EXPECT_EQ(StatusOf("GET / HTTP/1.0\r\nHost:\r\n\r\n"), 0);
  EXPECT_EQ(StatusOf("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n"), 400);
}

TEST(RequestParserTest, HostMustBeAHostAndPort) {
  for (const char* host : {"",           " ",      " a b",
                           " a/b",       " u@a",   " a:b",
                           " a:1:2",     " :80",   " a:65536",
                           " [::1",      " [x]",   " [::1]x",
                           " a\x80",     " a%zz",  " a,b c",
                           " %41",       " a,b",   " .",
                           " ..",        " .a",    " a..b",
                           " a..",       " .:80",  " []",
                           " [1::2::3]", " [:::]", " [1:2:3:4:5:6:7:8:9]",
                           " [::1%25lo]"}) {
    EXPECT_EQ(StatusOfHost(host), 400) << host;
  }
  for (const char* host : {"a", " a.b-c_d:80", " 127.0.0.1", " [::1]:8080", " a:", " a.", " a.:80",
                           " [::ffff:1.2.3.4]"}) {
    EXPECT_EQ(StatusOfHost(host), 0) << host;
  }
}

TEST(RequestParserTest, AmbiguousHeaderLinesAre400) {
  for (const char* fields : {
           "X: a\r\n b\r\n",                             // obs-fold
           "X:\r\n\tb\r\n",                              // the same after an empty value
           "X: a\r\n \r\n",                              // a folded line of spaces
           " X: a\r\n",                                  // a fold of the line before
           ": a\r\n",                                    // no name
           "X : a\r\n",                                  // space before the colon
           "X\r\n",                                      // no colon
           "X: a\n",                                     // bare LF
           "X: a\rb\r\n",                                // bare CR
           "X: a\x01\r\n", "X\x80: a\r\n", "X(: a\r\n",  // bytes that are not allowed
       }) {
    EXPECT_EQ(StatusOfFields(fields), 400) << fields;
  }
  EXPECT_EQ(StatusOfFields(std::string("X: a\0b\r\n", 8)), 400);
  EXPECT_EQ(StatusOfFields("X: \x80 y\r\n"), 0);
  EXPECT_EQ(StatusOfFields("X:\r\n"), 0);
}

TEST(RequestParserTest, FoldBehindHostCannotSmuggleALength) {
  const Outcome outcome = Parse("GET / HTTP/1.1\r\nHost: a\r\n Content-Length: 3\r\n\r\n");
  EXPECT_EQ(outcome.status, 400);
  EXPECT_EQ(outcome.detail, "header line 2: a folded line (obs-fold) is not allowed");
}

TEST(RequestParserTest, AmbiguousFramingIsRefused) {
  for (const char* fields : {
           "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
           "Content-Length: 3\r\nContent-Length: 3\r\n",
           "Content-Length: 3, 3\r\n",
           "Content-Length: +3\r\n",
           "Content-Length: -3\r\n",
           "Content-Length: 0x3\r\n",
           "Content-Length: 3 4\r\n",
           "Content-Length:\r\n",
           "Content-Length: 99999999999999999999\r\n",
           "Transfer-Encoding:\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked, chunked\r\n",
           "Transfer-Encoding: chunked, gzip\r\n",
       }) {
    EXPECT_EQ(StatusOfFields(fields), 400) << fields;
  }
  for (const char* fields : {"Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n",
                             "Transfer-Encoding: x, chunked\r\n", "Transfer-Encoding: chunkedx\r\n",
                             "Transfer-Encoding: identity\r\n"}) {
    EXPECT_EQ(StatusOfFields(fields), 501) << fields;
  }
  EXPECT_EQ(StatusOf("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

TEST(RequestParserTest, OnlyContinueCanBeExpected) {
  EXPECT_EQ(StatusOfFields("Expect: 200-ok\r\n"), 417);
  EXPECT_EQ(StatusOfFields("Expect: 100-continue, x\r\n"), 417);
  EXPECT_EQ(StatusOf("GET / HTTP/1.0\r\nExpect: x\r\n\r\n"), 0);
  EXPECT_THAT(Parse("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n"
                    "Content-Length: 1\r\n\r\na")
                  .text,
              HasSubstr(" expect "));
  EXPECT_THAT(Parse("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n").text,
              ::testing::Not(HasSubstr(" expect ")));
}

TEST(RequestParserTest, UpgradeIsIgnored) {
  const Outcome outcome = Parse(
      "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
      "POST /2 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Content-Length: 2\r\n\r\nhi"
      "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(outcome.status, 0) << outcome.detail;
  EXPECT_THAT(outcome.text, HasSubstr("body=hi\n"));
  EXPECT_THAT(outcome.text, HasSubstr("GET /3 "));
}

TEST(RequestParserTest, ChunkedBodyIsUnframed) {
  const Outcome outcome = Parse(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "00003;name=value\r\nabc\r\nA\r\n0123456789\r\n0\r\nHost: evil\r\nX-T: t\r\n\r\n");
  EXPECT_EQ(outcome.status, 0) << outcome.detail;
  EXPECT_THAT(outcome.text, HasSubstr("body=abc0123456789\n"));
  EXPECT_THAT(outcome.text, ::testing::Not(HasSubstr("evil")));
}

TEST(RequestParserTest, TrailersComeAtTheEndWithoutWhatMustNotStandThere) {
  const Outcome outcome = Parse(
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n0\r\nHost: evil\r\nX-Sum:  1 2 \r\nx-hop: 3\r\nContent_Length: 9\r\n"
      "X-Forwarded-For: evil\r\ngrpc-status: 0\r\n\r\n"
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  EXPECT_EQ(outcome.status, 0) << outcome.detail;
  EXPECT_THAT(outcome.text, HasSubstr("body=abc\ntrailers=X-Sum: 1 2\r\ngrpc-status: 0\r\n\n"));
  EXPECT_THAT(outcome.text, ::testing::EndsWith("body=\n")) << "they are not the next message's";
}

TEST(RequestParserTest, WebSocketIsAskedForByGetAlone) {
  const auto asks = [](const std::string& line, const std::string& fields) {
    RequestLimits limits;
    RequestParser parser(limits);
    EXPECT_EQ(parser.Feed(line + "\r\nHost: a\r\n" + fields + "\r\ntunnel", nullptr).event,
              RequestParser::Event::kHead);
    return parser.request().upgrade_websocket();
  };
  const std::string get = "GET / HTTP/1.1";
  EXPECT_TRUE(asks(get, "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  EXPECT_TRUE(asks(get, "Upgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n"));
  EXPECT_FALSE(asks("GET / HTTP/1.0", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  EXPECT_FALSE(asks("POST / HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  EXPECT_FALSE(asks(get, "Upgrade: websocket\r\n"));
  EXPECT_FALSE(asks(get, "Connection: keep-alive\r\nUpgrade: websocket\r\n"));
  EXPECT_FALSE(asks(get, "Connection: Upgrade\r\nUpgrade: h2c\r\n"));
  EXPECT_FALSE(asks(get, "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n"));
  EXPECT_FALSE(asks(get, "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 6\r\n"));
}

TEST(RequestParserTest, BrokenChunksAre400) {
  for (const char* chunks :
       {"x\r\n", "\r\n", "-1\r\n", "3\nabc", "3\r\nabcX", "3\r\nabc\n", "0x3\r\nabc",
        "11111111111111111\r\n", "3 \r\nabc", "0\r\nX\r\n\r\n", "0\r\nX: a\r\n b\r\n\r\n",
        "0\r\nX: a\n\r\n", "0\r\nX: a\rY: b\r\n\r\n", "0\r\n\n", "0\r\n: a\r\n\r\n",
        "0\r\n X: a\r\n\r\n", "0\r\nX: a\r\n\n"}) {
    EXPECT_EQ(StatusOfChunks(chunks), 400) << chunks;
  }
}

TEST(RequestParserTest, HeadBytesAreLimited) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: 0123456789\r\n\r\n";
  RequestLimits limits;
  limits.head_bytes = static_cast<uint32_t>(head.size());
  EXPECT_EQ(StatusOf(head, limits), 0);
  --limits.head_bytes;
  EXPECT_EQ(StatusOf(head, limits), 431);
  limits.head_bytes = 10;
  EXPECT_EQ(StatusOf(head, limits), 414);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'x')), 431);
}

TEST(RequestParserTest, TargetLengthIsLimited) {
  RequestLimits limits;
  limits.target_bytes = 8;
  EXPECT_EQ(StatusOf("GET /1234567 HTTP/1.1\r\nHost: a\r\n\r\n", limits), 0);
  EXPECT_EQ(StatusOf("GET /12345678 HTTP/1.1\r\nHost: a\r\n\r\n", limits), 414);
  EXPECT_EQ(StatusOf("GET /" + std::string(9000, 'x')), 414);
}

TEST(RequestParserTest, HeaderLinesAreLimited) {
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  RequestLimits limits;
  limits.headers = 3;
  head += "A: b\r\nA: c\r\n";
  EXPECT_EQ(StatusOf(head + "\r\n", limits), 0);
  EXPECT_EQ(StatusOf(head + "A: d\r\n\r\n", limits), 431);
}

TEST(RequestParserTest, BodyIsLimitedWhateverItsFraming) {
  RequestLimits limits;
  limits.body_bytes = 4;
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(StatusOf(post + "Content-Length: 4\r\n\r\nabcd", limits), 0);
  EXPECT_EQ(StatusOf(post + "Content-Length: 5\r\n\r\na", limits), 413);
  EXPECT_EQ(StatusOfChunks("4\r\nabcd\r\n0\r\n\r\n", limits), 0);
  EXPECT_EQ(StatusOfChunks("4\r\nabcd\r\n1\r\ne\r\n", limits), 413);
}

TEST(RequestParserTest, ChunkFramingIsLimited) {
  RequestLimits limits;
  limits.body_bytes = 100;
  limits.head_bytes = 1000;  // and 8 bytes for each byte of the body: 1800 in all
  const std::string filler(2000, 'e');
  EXPECT_EQ(StatusOfChunks("1;" + filler, limits), 413);
  EXPECT_EQ(StatusOfChunks(std::string(2000, '0'), limits), 413);
  EXPECT_EQ(StatusOfChunks("0\r\nX: " + filler, limits), 431);
  std::string many;
  for (int i = 0; i < 100; ++i) many += "1\r\nx\r\n";
  EXPECT_EQ(StatusOfChunks(many + "0\r\n\r\n", limits), 0);
}

TEST(RequestParserTest, BodyLimitOfOneRequestReplacesTheGeneral) {
  RequestLimits limits;
  limits.body_bytes = 4;
  RequestParser parser(limits);
  BodyString body;
  const auto feed = [&](std::string_view bytes, uint64_t limit) {
    const RequestParser::Fed head = parser.Feed(bytes, nullptr);
    EXPECT_EQ(head.event, RequestParser::Event::kHead);
    parser.LimitBody(limit);
    return parser.Feed(bytes.substr(head.consumed), &body).event;
  };
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(feed(post + "Content-Length: 6\r\n\r\nabcdef", 6), RequestParser::Event::kEnd);
  parser.Next();
  EXPECT_EQ(feed(post + "Transfer-Encoding: chunked\r\n\r\n6\r\nghijkl\r\n0\r\n\r\n", 6),
            RequestParser::Event::kEnd);
  EXPECT_EQ(body.text, "abcdefghijkl");
  parser.Next();
  EXPECT_EQ(feed(post + "Content-Length: 3\r\n\r\nabc", 2), RequestParser::Event::kError);
  EXPECT_EQ(parser.error().status, 413);
  EXPECT_EQ(parser.error().detail, "body: more than 2 bytes");
}

TEST(RequestParserTest, BodyLimitOfOneRequestIsForgotten) {
  RequestLimits limits;
  limits.body_bytes = 4;
  RequestParser parser(limits);
  const std::string_view get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_EQ(parser.Feed(get, nullptr).event, RequestParser::Event::kHead);
  parser.LimitBody(100);
  parser.Next();
  ASSERT_EQ(parser.Feed("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", nullptr).event,
            RequestParser::Event::kHead);
  EXPECT_FALSE(parser.CheckBodyLength());
}

TEST(RequestParserTest, LengthOverTheLimitIsKnownBeforeTheBody) {
  RequestLimits limits;
  limits.body_bytes = 4;
  RequestParser parser(limits);
  ASSERT_EQ(parser.Feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", nullptr).event,
            RequestParser::Event::kHead);
  EXPECT_FALSE(parser.CheckBodyLength());
  EXPECT_EQ(parser.error().status, 413);
}

TEST(RequestParserTest, RefusalsNameThePlaceAndQuoteNothing) {
  const Outcome bad_byte = Parse("GET / HTTP/1.1\r\nHost: a\r\nX-Secret: s3cret\x01\r\n\r\n");
  EXPECT_THAT(bad_byte.detail, StartsWith("header line 2: "));
  EXPECT_THAT(bad_byte.detail, ::testing::Not(HasSubstr("s3cret")));
  EXPECT_THAT(Parse("GET /\x01 HTTP/1.1\r\n").detail, StartsWith("request line: "));
}

}  // namespace
}  // namespace sluice::http
