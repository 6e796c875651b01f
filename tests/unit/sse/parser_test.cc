#include "sluice/sse/parser.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/sse/encoder.h"
#include "support/sse_decoder.h"

namespace sluice::sse {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using Events = std::vector<testing::SseEvent>;

struct Received : ParserHandler {
  void OnEvent(const ReceivedEvent& event) override {
    events.push_back(
        {std::string(event.type), std::string(event.data), std::string(event.last_event_id)});
  }
  void OnRetry(uint32_t retry_ms) override { retries.push_back(retry_ms); }
  void OnComment(std::string_view text) override { comments.emplace_back(text); }

  Events events;
  std::vector<uint32_t> retries;
  std::vector<std::string> comments;
};

// Feeds `size` bytes at a time, each piece in memory of its own.
Received FeedIn(size_t size, std::string_view bytes) {
  Received received;
  Parser parser(received);
  for (size_t at = 0; at < bytes.size(); at += size) {
    const std::string piece(bytes.substr(at, size));
    EXPECT_TRUE(parser.Feed(piece).has_value());
  }
  return received;
}

// The events, which must be the same however the bytes are torn.
Received Parse(std::string_view bytes) {
  Received whole = FeedIn(std::max<size_t>(bytes.size(), 1), bytes);
  for (const size_t size : {1U, 2U, 3U, 7U}) {
    const Received torn = FeedIn(size, bytes);
    EXPECT_EQ(torn.events, whole.events) << "in pieces of " << size;
    EXPECT_EQ(torn.retries, whole.retries) << "in pieces of " << size;
    EXPECT_EQ(torn.comments, whole.comments) << "in pieces of " << size;
  }
  return whole;
}

std::vector<std::string> DataOf(std::string_view bytes) {
  std::vector<std::string> data;
  for (auto& event : Parse(bytes).events) data.push_back(std::move(event.data));
  return data;
}

using Data = std::vector<std::string>;

// The streams are those of the Web Platform Tests, eventsource/.

TEST(SseParserTest, EventData) {
  EXPECT_EQ(DataOf("data:msg\ndata:msg\n\n:\nfalsefield:msg\n\nfalsefield:msg\nData:data\n\n"
                   "data\n\ndata:end\n\n"),
            (Data{"msg\nmsg", "", "end"}));
}

TEST(SseParserTest, FieldData) {
  EXPECT_EQ(DataOf("data:\n\ndata\ndata\n\ndata:test\n\n"), (Data{"", "\n", "test"}));
}

TEST(SseParserTest, FieldParsing) {
  EXPECT_EQ(
      DataOf(
          "data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n"sv),
      (Data{std::string("\0\n 2\n1\n3\n\n4"sv)}));
}

TEST(SseParserTest, FieldUnknown) {
  EXPECT_EQ(DataOf("data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\n"
                   "data:test\n\n"),
            (Data{"test\n\ntest"}));
}

TEST(SseParserTest, LeadingSpace) {
  EXPECT_EQ(DataOf("data:\ttest\rdata: \ndata:test\n\n"), (Data{"\ttest\n\ntest"}));
}

TEST(SseParserTest, Newlines) {
  EXPECT_EQ(DataOf("data:test\r\ndata\ndata:test\r\n\r\n"), (Data{"test\n\ntest"}));
  EXPECT_EQ(DataOf("data:a\r\rdata:b\r\n\rdata:c\n\r\ndata:d\r\n\n"), (Data{"a", "b", "c", "d"}));
}

TEST(SseParserTest, NullCharacter) {
  EXPECT_EQ(DataOf("data:\0\n\n\n\n"sv), (Data{std::string(1, '\0')}));
}

TEST(SseParserTest, Utf8) {
  EXPECT_EQ(DataOf("data:ok\xE2\x80\xA6\n\n"), (Data{"ok\xE2\x80\xA6"}));
  EXPECT_EQ(DataOf("data:a\xFFz\xE2\x80\n\n"), (Data{"a\xEF\xBF\xBDz\xEF\xBF\xBD"}));
}

TEST(SseParserTest, OneByteOrderMarkIsDropped) {
  EXPECT_EQ(DataOf("\xEF\xBB\xBF"
                   "data:1\n\n\xEF\xBB\xBF"
                   "data:2\n\ndata:3\n\n"),
            (Data{"1", "3"}));
  EXPECT_EQ(DataOf("\xEF\xBB\xBF\xEF\xBB\xBF"
                   "data:1\n\ndata:2\n\ndata:3\n\n"),
            (Data{"2", "3"}));
}

TEST(SseParserTest, Comments) {
  std::string stream = "data:1\r:\0\n:\r\ndata:2\n:"s + std::string(2048, 'x') +
                       "\rdata:3\n:data:fail\r:" + std::string(2048, 'x') + "\ndata:4\n\n";
  EXPECT_EQ(DataOf(stream), (Data{"1\n2\n3\n4"}));
  EXPECT_EQ(Parse(": ok\n\n:\n").comments, (Data{"ok", ""}));
}

TEST(SseParserTest, DataBeforeTheFinalEmptyLineIsNoEvent) {
  EXPECT_TRUE(DataOf("data:test\n").empty());
  EXPECT_TRUE(DataOf("retry:1000\ndata:test1").empty());
}

TEST(SseParserTest, FieldEvent) {
  EXPECT_EQ(Parse("event:test\ndata:x\n\ndata:x\n\n").events,
            (Events{{"test", "x", ""}, {"message", "x", ""}}));
  EXPECT_EQ(Parse("event: \ndata:data\n\n").events, (Events{{"message", "data", ""}}));
  EXPECT_EQ(Parse("event:test\n\ndata:x\n\n").events, (Events{{"message", "x", ""}}));
}

TEST(SseParserTest, FieldId) {
  // id-2: it stays over events without one; an empty id resets it; one with NUL is ignored.
  EXPECT_EQ(
      Parse("data:a\nid:1\n\ndata:b\n\ndata:c\nid\n\ndata:d\nid:2\n\ndata:e\nid:3\0x\n\n"sv).events,
      (Events{{"message", "a", "1"},
              {"message", "b", "1"},
              {"message", "c", ""},
              {"message", "d", "2"},
              {"message", "e", "2"}}));
}

TEST(SseParserTest, AnIdWithoutDataCountsOnceItsEmptyLineHasCome) {
  Received received;
  Parser parser(received);
  ASSERT_TRUE(parser.Feed("id:7\n").has_value());
  EXPECT_EQ(parser.last_event_id(), "");
  ASSERT_TRUE(parser.Feed("\n").has_value());
  EXPECT_EQ(parser.last_event_id(), "7");
  EXPECT_TRUE(received.events.empty());
}

TEST(SseParserTest, FieldRetry) {
  using Retries = std::vector<uint32_t>;
  EXPECT_EQ(Parse("retry:03000\ndata:x\n\n").retries, (Retries{3000}));
  EXPECT_EQ(Parse("retry:1000x\nretry:\nretry\nretry:-1\nretry:1.5\nretry: 1 \n\n").retries,
            Retries{});
  EXPECT_EQ(Parse("retry:99999999999999999999999\n\n").retries, (Retries{kMaxRetryMs}));
}

TEST(SseParserTest, AReconnectKeepsTheIdAndForgetsTheUnfinished) {
  Received received;
  Parser parser(received);
  ASSERT_TRUE(parser.Feed("id:1\ndata:a\n\nid:2\nevent:x\ndata:b\ndata:c").has_value());
  parser.Restart();
  EXPECT_EQ(parser.last_event_id(), "1");
  ASSERT_TRUE(parser
                  .Feed("\xEF\xBB\xBF"
                        "data:d\n\n")
                  .has_value());
  EXPECT_EQ(received.events, (Events{{"message", "a", "1"}, {"message", "d", "1"}}));
}

TEST(SseParserTest, AnEventOverTheLimitEndsIt) {
  const auto feed = [](std::string_view bytes) {
    Received received;
    Parser parser(received, 10);
    for (const char byte : bytes) {
      if (auto fed = parser.Feed({&byte, 1}); !fed) return fed.error().message;
    }
    return std::string("ok");
  };
  EXPECT_EQ(feed("data:12345\n\ndata:12345\n\n"), "ok");
  EXPECT_EQ(feed("data:1234\ndata:123\n\n"), "ok");
  const std::string too_long = "an event of the stream is longer than 10 bytes";
  EXPECT_EQ(feed("data:123456"), too_long) << "a line";
  EXPECT_EQ(feed("data:1234\ndata:1234\ndata\n"), too_long) << "the data";
  EXPECT_EQ(feed("event:abcd\ndata:1234\ndata:1\n"), too_long) << "the name and the data";
  EXPECT_EQ(feed("data:1234\ndata:12\nevent:abcd\n"), too_long) << "the data and the name";
  EXPECT_EQ(feed(":12345678901"), too_long) << "a comment";
}

TEST(SseParserTest, ReadsWhatTheEncoderWrites) {
  std::string stream;
  AppendPreamble(stream, 2500);
  ASSERT_TRUE(
      AppendEvent(stream, {.name = "alert", .data = "a\r\n\nb", .retry_ms = 5}).has_value());
  const Received received = Parse(stream);
  EXPECT_EQ(received.events, (Events{{"alert", "a\n\nb", ""}}));
  EXPECT_EQ(received.retries, (std::vector<uint32_t>{2500, 5}));
  EXPECT_EQ(received.comments, (Data{"ok"}));
}

// With Oversized::kSkip: what was passed over, as "sizes" of at least so many bytes.
struct Skipping : Received {
  void OnOversized(uint64_t size) override { sizes.push_back(size); }
  std::vector<uint64_t> sizes;
};

TEST(ParserTest, EventsOverTheLimitArePassedOver) {
  const std::string big(100, 'x');
  const std::string stream = "data: one\nid: 1\n\n" +            // fits
                             ("data: " + big + "\nid: 2\n\n") +  // a line that is too long
                             "data: two\n\n" +                   //
                             "id: 3\ndata: " + big.substr(0, 30) + "\ndata: " + big.substr(0, 30) +
                             "\ndata: more\nevent: x\n\n" +    // lines that are together
                             ":" + big + "\ndata: three\n\n";  // a comment is no part of an event
  for (const size_t size : {size_t{1}, size_t{3}, size_t{17}, stream.size()}) {
    Skipping received;
    Parser parser(received, 50, Oversized::kSkip);
    for (size_t at = 0; at < stream.size(); at += size) {
      ASSERT_TRUE(parser.Feed(std::string_view(stream).substr(at, size)).has_value());
    }
    EXPECT_EQ(received.events,
              (Events{{"message", "one", "1"}, {"message", "two", "2"}, {"message", "three", "3"}}))
        << size;
    ASSERT_EQ(received.sizes.size(), 2U) << size;
    EXPECT_GE(received.sizes[0], 50U);
    EXPECT_GE(received.sizes[1], 50U);
    EXPECT_EQ(parser.last_event_id(), "3");
  }
}

TEST(ParserTest, ARestartEndsThePassingOver) {
  Skipping received;
  Parser parser(received, 10, Oversized::kSkip);
  ASSERT_TRUE(parser.Feed("data: a very long line without").has_value());
  parser.Restart();
  ASSERT_TRUE(parser.Feed("data: b\n\n").has_value());
  EXPECT_EQ(received.events, (Events{{"message", "b", ""}}));
  EXPECT_TRUE(received.sizes.empty());
}

}  // namespace
}  // namespace sluice::sse
