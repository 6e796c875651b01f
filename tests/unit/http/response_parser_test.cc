#include "sluice/http/response_parser.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

using Event = ResponseParser::Event;

constexpr ResponseLimits kLimits = {.head_bytes = 300, .headers = 8};

struct BodyString : BodySink {
  void OnBodyBytes(std::string_view bytes) override { text += bytes; }
  std::string text;
};

// What became of some bytes, as text that can be compared.
struct Outcome {
  std::string head;  // "200 OK 1.1 length=5 keep\nName=value\n"
  std::string body;
  std::string trailers;
  std::string error;
  size_t left = 0;  // bytes after the message
  bool ended = false;
  bool operator==(const Outcome&) const = default;
};

std::string Describe(const ResponseHead& head) {
  static constexpr std::string_view kBodies[] = {"none", "length", "chunked", "close"};
  std::string out = std::to_string(head.status()) + " [" + std::string(head.reason()) + "] 1." +
                    std::to_string(head.minor_version()) + " " +
                    std::string(kBodies[static_cast<size_t>(head.body())]);
  if (head.body() == ResponseHead::Body::kLength) out += std::to_string(head.content_length());
  out += head.keep_alive() ? " keep\n" : " close\n";
  for (size_t i = 0; i < head.header_count(); ++i) {
    out += std::string(head.header(i).name) + "=" + std::string(head.header(i).value) + "\n";
  }
  return out;
}

// Feeds the pieces, then the end of the connection.
Outcome ParsePieces(const std::vector<std::string_view>& pieces, const ResponseContext& context) {
  ResponseParser parser(kLimits);
  parser.Start(context);
  Outcome outcome;
  BodyString body;
  Event event = Event::kMore;
  for (const std::string_view piece : pieces) {
    // A copy of exactly this size: a sanitizer sees whoever reads past it or keeps it.
    const std::vector<char> copy(piece.begin(), piece.end());
    std::string_view rest(copy.data(), copy.size());
    while (event != Event::kError && event != Event::kEnd) {
      const auto fed = parser.Feed(rest, &body);
      event = fed.event;
      rest.remove_prefix(fed.consumed);
      if (event == Event::kHead || event == Event::kInterim) {
        outcome.head += Describe(parser.head());
      }
      if (event == Event::kMore) break;
    }
    if (event == Event::kEnd) outcome.left += rest.size();
  }
  if (event != Event::kEnd && event != Event::kError) event = parser.End();
  if (event == Event::kError) outcome.error = parser.error().message;
  outcome.ended = event == Event::kEnd;
  outcome.body = body.text;
  outcome.trailers = parser.trailers();
  return outcome;
}

// Whole, byte by byte, and torn at every place: it must be the same.
Outcome Parse(std::string_view bytes, const ResponseContext& context = {}) {
  const Outcome whole = ParsePieces({bytes}, context);
  std::vector<std::string_view> single;
  for (size_t i = 0; i < bytes.size(); ++i) single.push_back(bytes.substr(i, 1));
  EXPECT_EQ(ParsePieces(single, context), whole) << bytes;
  for (size_t i = 0; i <= bytes.size(); ++i) {
    const Outcome torn = ParsePieces({bytes.substr(0, i), bytes.substr(i)}, context);
    EXPECT_EQ(torn, whole) << "torn at " << i << ": " << torn.error << "\n" << bytes;
  }
  return whole;
}

TEST(ResponseParserTest, BodyOfGivenLength) {
  const Outcome got =
      Parse("HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\nX:  a b \r\n\r\nhelloHTTP/1.1");
  EXPECT_EQ(got.head, "202 [Accepted] 1.1 length5 keep\nContent-Length=5\nX=a b\n");
  EXPECT_EQ(got.body, "hello");
  EXPECT_EQ(got.left, 8U) << "the next answer is left alone";
}

TEST(ResponseParserTest, ReasonThatIsNoTextIsLeftOut) {
  constexpr std::string_view kRest = "\r\nContent-Length: 0\r\n\r\n";
  for (const std::string_view reason : {"A\x01", "\x1b[31m", "\x7f"}) {
    const Outcome got = Parse("HTTP/1.1 200 " + std::string(reason) + std::string(kRest));
    EXPECT_EQ(got.head, "200 [] 1.1 none keep\nContent-Length=0\n");
  }
  const Outcome got = Parse("HTTP/1.1 200 \xd0\xb4\xd0\xb0\tok" + std::string(kRest));
  EXPECT_EQ(got.head, "200 [\xd0\xb4\xd0\xb0\tok] 1.1 none keep\nContent-Length=0\n");
}

TEST(ResponseParserTest, ChunkedBody) {
  const Outcome got = Parse(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\n00A\r\n0123456789\r\n"
      "0\r\nT: u\r\n\r\nHTTP/1.1");
  EXPECT_EQ(got.head, "200 [OK] 1.1 chunked keep\nTransfer-Encoding=Chunked\n");
  EXPECT_EQ(got.body, "abc0123456789");
  EXPECT_EQ(got.trailers, "T: u\r\n");
  EXPECT_EQ(got.left, 8U);
  EXPECT_TRUE(got.ended);
}

// One field of a trailer section, and whether it is passed on.
struct TrailerCase {
  std::string_view name;
  bool kept;
};

class TrailerTest : public ::testing::TestWithParam<TrailerCase> {};

TEST_P(TrailerTest, IsKeptIfItMayStandThere) {
  const std::string line = std::string(GetParam().name) + ": 7\r\n";
  const Outcome got = Parse(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: x-nominated\r\n\r\n0\r\n" +
      line + "Last: 1\r\n\r\n");
  EXPECT_EQ(got.head.find(line), std::string::npos) << "it must not become a header";
  if (!got.error.empty()) {
    EXPECT_FALSE(GetParam().kept) << got.error;
    return;
  }
  EXPECT_EQ(got.trailers, GetParam().kept ? line + "Last: 1\r\n" : "Last: 1\r\n");
}

INSTANTIATE_TEST_SUITE_P(
    Names, TrailerTest,
    ::testing::Values(TrailerCase{"X-Checksum", true}, TrailerCase{"Server-Timing", true},
                      TrailerCase{"grpc-status", true}, TrailerCase{"ETag", true},
                      TrailerCase{"Content-Digest", true}, TrailerCase{"Content_Digest", false},
                      TrailerCase{"Content-Type", false}, TrailerCase{"content-encoding", false},
                      TrailerCase{"Content_Length", false}, TrailerCase{"Transfer_Encoding", false},
                      TrailerCase{"Content-Length", false}, TrailerCase{"Host", false},
                      TrailerCase{"Transfer-Encoding", false}, TrailerCase{"Set-Cookie", false},
                      TrailerCase{"Cookie", false}, TrailerCase{"Authorization", false},
                      TrailerCase{"Proxy-Anything", false}, TrailerCase{"If-Match", false},
                      TrailerCase{"Connection", false}, TrailerCase{"Keep-Alive", false},
                      TrailerCase{"Trailer", false}, TrailerCase{"X-Nominated", false},
                      TrailerCase{"X-Accel-Redirect", false},
                      TrailerCase{"X.Accel!Redirect", false}, TrailerCase{"X-Forwarded-For", false},
                      TrailerCase{"x_forwarded-FOR", false}, TrailerCase{"Location", false},
                      TrailerCase{"Cache-Control", false}, TrailerCase{"Retry-After", false},
                      TrailerCase{"Vary", false}));

TEST(ResponseParserTest, SwitchedProtocolIsAnAnswerToWhoAsked) {
  const std::string_view switched =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  const Outcome got = Parse(std::string(switched) + "HTTP/1.1 no more\n\n", {.upgrade = true});
  EXPECT_EQ(got.head,
            "101 [Switching Protocols] 1.1 none close\nUpgrade=websocket\nConnection=Upgrade\n");
  EXPECT_EQ(got.left, 18U) << "the tunnel's";
  EXPECT_TRUE(got.ended);
  EXPECT_EQ(Parse(switched).error, "the server switched protocols (101) without being asked");
  for (const std::string_view bytes :
       {"HTTP/1.1 101 S\r\n\r\n", "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 101 S\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        "HTTP/1.0 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"}) {
    EXPECT_EQ(Parse(bytes, {.upgrade = true}).error,
              "the server switched protocols (101), but not to WebSocket")
        << bytes;
  }
  EXPECT_TRUE(Parse("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", {.upgrade = true}).ended)
      << "the server may decline";
}

TEST(ResponseParserTest, InterimAnswersAreEventsToWhoWantsThem) {
  const Outcome got = Parse(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
      {.interim = true});
  EXPECT_EQ(got.head,
            "102 [Processing] 1.1 none keep\n103 [Early Hints] 1.1 none keep\nLink=x\n"
            "204 [No Content] 1.1 none keep\n");
  EXPECT_TRUE(got.ended);
  const Outcome to_head = Parse("HTTP/1.1 103 \r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                                {.head = true, .interim = true});
  EXPECT_EQ(to_head.head, "103 [] 1.1 none keep\n200 [OK] 1.1 none keep\nContent-Length=5\n");
  EXPECT_TRUE(to_head.ended);
}

TEST(ResponseParserTest, BodyUntilTheConnectionEnds) {
  const Outcome got = Parse("HTTP/1.0 200 \r\nConnection: keep-alive\r\n\r\nall of it");
  EXPECT_EQ(got.head, "200 [] 1.0 close close\nConnection=keep-alive\n");
  EXPECT_EQ(got.body, "all of it");
  EXPECT_TRUE(got.ended);
  EXPECT_EQ(Parse("HTTP/1.1 200\r\n\r\n").body, "");
}

TEST(ResponseParserTest, AnswersWithoutABody) {
  for (const std::string_view status : {"204 No Content", "304 Not Modified"}) {
    const Outcome got =
        Parse("HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 5\r\n\r\nhello");
    EXPECT_TRUE(got.ended);
    EXPECT_EQ(got.body, "");
    EXPECT_EQ(got.left, 5U);
  }
  const Outcome head =
      Parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", {.head = true});
  EXPECT_EQ(head.head, "200 [OK] 1.1 none keep\nTransfer-Encoding=chunked\n");
  EXPECT_TRUE(head.ended);
  EXPECT_TRUE(Parse("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").ended);
}

TEST(ResponseParserTest, InterimAnswersAreSkipped) {
  const Outcome got = Parse(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
      "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: x, Close\r\n\r\nno");
  EXPECT_EQ(got.head, "404 [Not Found] 1.1 length2 close\nContent-Length=2\nConnection=x, Close\n");
  EXPECT_EQ(got.body, "no");
}

TEST(ResponseParserTest, OneConnectionCarriesSeveral) {
  ResponseParser parser(kLimits);
  BodyString body;
  for (const bool answers_head : {false, true, false}) {
    parser.Start({.head = answers_head});
    EXPECT_FALSE(parser.started());
    const std::string_view bytes = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    const auto fed = parser.Feed(bytes, &body);
    ASSERT_EQ(fed.event, Event::kHead);
    EXPECT_TRUE(parser.started());
    const auto end = parser.Feed(bytes.substr(fed.consumed), &body);
    ASSERT_EQ(end.event, Event::kEnd);
    EXPECT_EQ(end.consumed, answers_head ? 0U : 3U);
  }
  EXPECT_EQ(body.text, "abcabc");
}

TEST(ResponseParserTest, WhatIsCutOffIsAnError) {
  EXPECT_EQ(Parse("").error, "the server closed the connection without an answer");
  for (const std::string_view bytes :
       {"H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"}) {
    EXPECT_EQ(Parse(bytes).error, "the server closed the connection inside its answer") << bytes;
  }
}

TEST(ResponseParserTest, LimitsHold) {
  const std::string field = "X: y\r\n";
  std::string head = "HTTP/1.1 204 No\r\n";
  for (uint32_t i = 0; i < kLimits.headers; ++i) head += field;
  EXPECT_TRUE(Parse(head + "\r\n").ended);
  EXPECT_EQ(Parse(head + field + "\r\n").error, "the answer has more than 8 header lines");

  const std::string start = "HTTP/1.1 204 No\r\nX: ";
  const std::string fits = start + std::string(kLimits.head_bytes - start.size() - 4, 'x');
  EXPECT_TRUE(Parse(fits + "\r\n\r\n").ended);
  EXPECT_EQ(Parse(fits + "x\r\n\r\n").error, "the answer's head is longer than 300 bytes");
  EXPECT_EQ(ParsePieces({std::string(1000, 'H')}, {}).ended, false);

  std::string interim;
  for (int i = 0; i < 17; ++i) interim += "HTTP/1.1 100 \r\n\r\n";
  EXPECT_EQ(Parse(interim).error, "the server sends interim answers (1xx) without end");
  EXPECT_EQ(Parse(interim, {.interim = true}).error, Parse(interim).error);

  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(Parse(chunked + "0\r\nX: " + std::string(kLimits.head_bytes, 'x')).error,
            "the answer's trailers are longer than 300 bytes");
  EXPECT_EQ(ParsePieces({chunked, "1;" + std::string(400, 'x')}, {}).error,
            "the answer's chunk framing is too long");
  std::string body;
  for (int i = 0; i < 1000; ++i) body += "1\r\nx\r\n";
  EXPECT_TRUE(ParsePieces({chunked, body, "0\r\n\r\n"}, {}).ended);
}

class HostileResponseTest : public ::testing::TestWithParam<std::string_view> {};

TEST_P(HostileResponseTest, IsRefusedTheSameHoweverTorn) {
  const Outcome got = Parse(GetParam());
  EXPECT_FALSE(got.ended) << got.head << got.body;
  EXPECT_TRUE(got.error.starts_with("the ")) << got.error;
  EXPECT_EQ(got.error.find("hostile"), std::string::npos) << "it quotes the server";
}

INSTANTIATE_TEST_SUITE_P(
    Responses, HostileResponseTest,
    ::testing::Values(
        "hostile", "\x16\x03\x01\x02", "GET / HTTP/1.1\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 000 hostile\r\n\r\n", "HTTP/1.1 999 OK\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\n\n", "HTTP/1.1 200 OK\r\nA: b\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n\n",
        "HTTP/1.1 200 OK\nA: b\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n\nhostile\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\n\tchunked\r\n\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\rA: b\r\n\r\n", "\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n hostile: b\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n hostile\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nhostile\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\x01\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhostile\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\nab\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n hostile\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nhostile\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\rC: d\r\n\r\n"));

}  // namespace
}  // namespace sluice::http
