#include "sluice/sse/encoder.h"

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "support/sse_decoder.h"

namespace sluice::sse {
namespace {

using namespace std::string_literals;
using testing::DecodeUtf8;
using testing::NormalizeLineEnds;
using testing::SseDecoder;
using testing::SseEvent;

std::string Encode(const Event& event) {
  std::string out;
  const Result<> done = AppendEvent(out, event);
  EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
  return out;
}

std::string EncodeData(std::string_view data) {
  return Encode({.name = {}, .data = data, .retry_ms = {}});
}

SseDecoder Decode(std::string_view bytes) {
  SseDecoder decoder;
  decoder.Feed(bytes);
  return decoder;
}

// Encodes and decodes, and checks all that must hold whatever the data is.
void ExpectRoundTrip(std::string_view name, std::string_view data) {
  const std::string bytes = Encode({.name = name, .data = data, .retry_ms = 7});
  const SseDecoder decoder = Decode(bytes);
  const SseEvent expected{name.empty() ? "message" : std::string(name),
                          DecodeUtf8(NormalizeLineEnds(data)), ""};
  ASSERT_EQ(decoder.events(), std::vector{expected});
  ASSERT_TRUE(decoder.at_boundary());
  ASSERT_TRUE(decoder.comments().empty());
  ASSERT_TRUE(decoder.unknown_fields().empty());
  ASSERT_EQ(decoder.retry_ms(), 7U);
  ASSERT_EQ(DecodeUtf8(bytes), bytes) << "the stream is not UTF-8";
  ASSERT_EQ(bytes.find('\r'), std::string::npos);
}

TEST(SseEncoderTest, WritesTheFieldsInOrder) {
  EXPECT_EQ(EncodeData("hello"), "data: hello\n\n");
  EXPECT_EQ(Encode({.name = "alert", .data = "a\nb", .retry_ms = 3000}),
            "event: alert\ndata: a\ndata: b\nretry: 3000\n\n");
  EXPECT_EQ(Encode({.name = "x", .data = "", .retry_ms = 0}), "event: x\ndata: \nretry: 0\n\n");
  EXPECT_EQ(Encode({.name = {}, .data = "m", .retry_ms = UINT32_MAX}),
            "data: m\nretry: 4294967295\n\n");
}

TEST(SseEncoderTest, AppendsToWhatIsThere) {
  std::string out = "id: 1\n";
  ASSERT_TRUE(AppendEvent(out, {.name = {}, .data = "x", .retry_ms = {}}));
  EXPECT_EQ(out, "id: 1\ndata: x\n\n");
}

TEST(SseEncoderTest, EveryKindOfLineEndMakesALine) {
  EXPECT_EQ(EncodeData("a\nb"), "data: a\ndata: b\n\n");
  EXPECT_EQ(EncodeData("a\rb"), "data: a\ndata: b\n\n");
  EXPECT_EQ(EncodeData("a\r\nb"), "data: a\ndata: b\n\n");
  EXPECT_EQ(EncodeData("a\n\rb"), "data: a\ndata: \ndata: b\n\n");
  EXPECT_EQ(EncodeData("a\r\r\n\nb"), "data: a\ndata: \ndata: \ndata: b\n\n");
  EXPECT_EQ(EncodeData("a\r"), "data: a\ndata: \n\n");
  EXPECT_EQ(EncodeData("a\r\n"), "data: a\ndata: \n\n");
  EXPECT_EQ(EncodeData("\n"), "data: \ndata: \n\n");
}

// 9.2.6 dispatches nothing if the data *buffer* is empty; `data: ` has put a LF into it, which is
// taken off again, so the browser does dispatch an event whose data is "".
TEST(SseEncoderTest, EmptyDataIsAnEvent) {
  EXPECT_EQ(EncodeData(""), "data: \n\n");
  EXPECT_EQ(Decode("data: \n\n").events(), (std::vector{SseEvent{"message", "", ""}}));
  EXPECT_TRUE(Decode("event: x\n\n").events().empty());
}

TEST(SseEncoderTest, FieldNamesInDataStayData) {
  for (const char* data :
       {" leading", "  two", ":", ": x", "id: 9", "a\nid: 9\nretry: 1\n:\n\nevent: e", "data: x",
        "\t tab", "trailing \n "}) {
    ExpectRoundTrip("", data);
  }
}

TEST(SseEncoderTest, NulAndByteOrderMarkAreKept) {
  EXPECT_EQ(EncodeData("a\0b"s), "data: a\0b\n\n"s);
  EXPECT_EQ(EncodeData("\uFEFFx"), "data: \uFEFFx\n\n");
  ExpectRoundTrip("", "\0\n\0"s);
  ExpectRoundTrip("\uFEFF", "\uFEFF\n\uFEFF");
}

TEST(SseEncoderTest, IllFormedUtf8IsReplaced) {
  EXPECT_EQ(EncodeData("a\xFFz"), "data: a\uFFFDz\n\n");
  EXPECT_EQ(EncodeData("\xE2\x82\n\xAC"), "data: \uFFFD\ndata: \uFFFD\n\n")
      << "a line end cuts a sequence in two";
  EXPECT_EQ(EncodeData("\xED\xA0\x80"), "data: \uFFFD\uFFFD\uFFFD\n\n");
}

TEST(SseEncoderTest, BigDataIsKeptWhole) {
  ExpectRoundTrip("big", std::string(1 << 20, 'x'));
  std::string mixed;
  while (mixed.size() < (1 << 20)) mixed += "line \u20AC \U0001F600\r\nnext\n";
  ExpectRoundTrip("big", mixed);
}

TEST(SseEncoderTest, WorstCaseIsSevenTimesTheData) {
  const std::string newlines(100'000, '\n');
  EXPECT_EQ(EncodeData(newlines).size(), 7 * (newlines.size() + 1) + 1);
  ExpectRoundTrip("", newlines);
}

TEST(SseEncoderTest, RandomDataRoundTrips) {
  const std::vector<std::string> pieces = {"\r",
                                           "\n",
                                           "\r\n",
                                           " ",
                                           ":",
                                           "\0"s,
                                           "data",
                                           "id: 1",
                                           "a",
                                           "\uFEFF",
                                           "\xFF",
                                           "\xE2\x82",
                                           "\xED\xA0\x80",
                                           "\u00E9",
                                           "\u20AC",
                                           "\U0001F600",
                                           "\xF4\x90",
                                           "\x80",
                                           std::string(33, 'x')};
  std::mt19937 random(20250101);  // NOLINT: the same every time, on purpose
  const auto below = [&random](size_t bound) { return random() % bound; };
  for (int round = 0; round < 20'000; ++round) {
    std::string data;
    for (size_t n = below(12); n > 0; --n) data += pieces[below(pieces.size())];
    ASSERT_NO_FATAL_FAILURE(ExpectRoundTrip(round % 2 == 0 ? "" : "tick", data)) << round;
  }
}

TEST(SseEncoderTest, BadEventNameIsRefusedAndNothingIsAppended) {
  for (const std::string& name :
       {"a\nb"s, "a\rb"s, "a\0b"s, "\n"s, "\xFF"s, std::string(257, 'e')}) {
    std::string out = "kept";
    const Result<> done = AppendEvent(out, {.name = name, .data = "x", .retry_ms = {}});
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code, name.size() > 256 ? Errc::kLimit : Errc::kInvalid);
    EXPECT_NE(done.error().message.find("event name"), std::string::npos);
    EXPECT_EQ(out, "kept");
    EXPECT_FALSE(IsValidEventName(name));
  }
}

TEST(SseEncoderTest, EventNamesOfAnyOtherBytesRoundTrip) {
  for (const std::string& name :
       {"x"s, " x"s, ":"s, "a: b"s, "\u00E9v\u00E9nement"s, "\t"s, std::string(256, 'e')}) {
    EXPECT_TRUE(IsValidEventName(name));
    ExpectRoundTrip(name, "d");
  }
  EXPECT_TRUE(IsValidEventName(""));
}

TEST(SseEncoderTest, IdsAreShortAndAscii) {
  for (const std::string& id :
       {"1"s, "k3x9.42"s, "AZaz09._:-"s, "1700000000000-0"s, std::string(128, 'i')}) {
    EXPECT_TRUE(IsValidId(id)) << id;
  }
  for (const std::string& id : {""s, "a b"s, "a\n"s, "\r"s, "\0"s, "a\0"s, "<1"s, "\u20AC"s, "a/b"s,
                                "a,b"s, "a%00"s, "\xFF"s, std::string(129, 'i')}) {
    EXPECT_FALSE(IsValidId(id)) << id;
  }
  // Every byte by itself: exactly the 66 of the alphabet pass.
  size_t valid = 0;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string id(1, static_cast<char>(byte));
    if (IsValidId(id)) ++valid;
  }
  EXPECT_EQ(valid, 66U);
}

TEST(SseEncoderTest, CommentsAreIgnoredByClients) {
  std::string out;
  AppendComment(out, "hello");
  EXPECT_EQ(out, ": hello\n\n");
  AppendComment(out, "data: x\r\n\r\nid: 1");
  EXPECT_EQ(out, ": hello\n\n: data: x\n: \n: id: 1\n\n");
  out += kHeartbeat;
  const SseDecoder decoder = Decode(out);
  EXPECT_TRUE(decoder.events().empty());
  EXPECT_EQ(decoder.last_event_id(), "");
  EXPECT_EQ(decoder.comments(), (std::vector<std::string>{"hello", "data: x", "", "id: 1", ""}));
  EXPECT_TRUE(decoder.at_boundary());
}

TEST(SseEncoderTest, PreambleAndRetrySetTheReconnectionTime) {
  std::string out;
  AppendPreamble(out, 3841);
  EXPECT_EQ(out, "retry: 3841\n: ok\n\n");
  EXPECT_EQ(Decode(out).retry_ms(), 3841U);
  AppendRetry(out, 0);
  EXPECT_EQ(out, "retry: 3841\n: ok\n\nretry: 0\n\n");
  EXPECT_EQ(Decode(out).retry_ms(), 0U);
  EXPECT_TRUE(Decode(out).events().empty());
}

// The judge is judged too: vectors of the Web Platform Tests (eventsource/format-*).
TEST(SseDecoderTest, FollowsTheWebPlatformTests) {
  struct Case {
    std::string stream;
    std::vector<SseEvent> events;
  };
  const auto message = [](std::string data) { return SseEvent{"message", std::move(data), ""}; };
  const std::vector<Case> cases = {
      {"data:\n\ndata\ndata\n\ndata:test\n\n", {message(""), message("\n"), message("test")}},
      {"data:  leading\n\n", {message(" leading")}},
      {"\uFEFFdata:1\n\n\uFEFFdata:2\n\ndata:3\n\n", {message("1"), message("3")}},
      {"\uFEFF\uFEFFdata:1\n\ndata:2\n\ndata:3\n\n", {message("2"), message("3")}},
      {"data:test\r\ndata\ndata:test\r\n\r", {message("test\n\ntest")}},
      {"data:\0\n\n\n\n"s, {message("\0"s)}},
      {"event:test\ndata:x\n\n", {{"test", "x", ""}}},
      {"event: \ndata:data\n\n", {message("data")}},
      {"data:ok\ndata :no\n data:no\nDATA:no\n\n", {message("ok")}},
      {"id: 1\ndata: x\n\ndata: y\n\nid\ndata: z\n\n",
       {{"message", "x", "1"}, {"message", "y", "1"}, {"message", "z", ""}}},
      {"id: a\0b\ndata: x\n\n"s, {message("x")}},
      {"data: unfinished\n", {}},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Decode(c.stream).events(), c.events) << c.stream;
    SseDecoder bytewise;
    for (const char byte : c.stream) bytewise.Feed({&byte, 1});
    EXPECT_EQ(bytewise.events(), c.events) << c.stream;
  }
  EXPECT_EQ(Decode("retry:1000\nretry: 5x\nretry\n\n").retry_ms(), 1000U);
}

}  // namespace
}  // namespace sluice::sse
