#include "redis/reply_reader.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::redis {
namespace {

std::string Dump(const Reply& reply) {
  switch (reply.type) {
    case Reply::Type::kNil:
      return "nil";
    case Reply::Type::kString:
      return reply.cut ? "cut:" + std::to_string(reply.size) : "'" + std::string(reply.text) + "'";
    case Reply::Type::kStatus:
      return "+" + std::string(reply.text);
    case Reply::Type::kError:
      return "-" + std::string(reply.text);
    case Reply::Type::kInteger:
      return std::to_string(reply.integer);
    case Reply::Type::kArray: {
      std::string text = "[";
      for (const Reply& element : reply.elements) text += Dump(element) + ",";
      return text + "]";
    }
  }
  return "?";
}

struct Outcome {
  std::vector<std::string> replies;
  std::optional<Error> error;
};

// Feeds the pieces one by one, each from memory of its own.
Outcome Parse(const std::vector<std::string_view>& pieces, const ReplyLimits& limits = {}) {
  Outcome outcome;
  ReplyReader reader(limits);
  for (const std::string_view piece : pieces) {
    const std::vector<char> copy(piece.begin(), piece.end());
    const Result<> read =
        reader.Read(std::string_view(copy.data(), copy.size()), [&](const Reply& reply) {
          outcome.replies.push_back(Dump(reply));
          return true;
        });
    if (!read) {
      outcome.error = read.error();
      return outcome;
    }
  }
  return outcome;
}

std::vector<std::string_view> InPieces(std::string_view bytes, size_t size) {
  std::vector<std::string_view> pieces;
  for (size_t at = 0; at < bytes.size(); at += size) pieces.push_back(bytes.substr(at, size));
  return pieces;
}

void ExpectRefused(std::string_view bytes, Errc code = Errc::kInvalid) {
  const Outcome outcome = Parse({bytes});
  ASSERT_TRUE(outcome.error.has_value()) << "accepted: " << bytes;
  EXPECT_EQ(outcome.error->code, code) << bytes;
  EXPECT_FALSE(outcome.error->message.empty());
  EXPECT_TRUE(outcome.replies.empty());
}

std::string Nested(int depth) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += "*1\r\n";
  return text + ":7\r\n";
}

TEST(ReplyReaderTest, ReadsEveryType) {
  const Outcome outcome = Parse({
      "+OK\r\n-ERR no\r\n:-42\r\n$5\r\nhello\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n"
      "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n*2\r\n:1\r\n$-1\r\n",
  });
  EXPECT_FALSE(outcome.error.has_value());
  const std::vector<std::string> expected = {
      "+OK", "-ERR no", "-42", "'hello'", "''", "nil", "nil", "[]", "['message','c',[1,nil,],]"};
  EXPECT_EQ(outcome.replies, expected);
}

TEST(ReplyReaderTest, KeepsAnyBytesOfAString) {
  const std::string bytes("\0\r\n\xff$3\r\n", 8);
  const Outcome outcome = Parse({"$8\r\n" + bytes + "\r\n"});
  EXPECT_EQ(outcome.replies, std::vector<std::string>{"'" + bytes + "'"});
}

TEST(ReplyReaderTest, ReadsTheSameTornAtEveryPairOfBytes) {
  const std::string_view whole =
      "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhe\r\no\r\n*3\r\n$9\r\nsubscribe\r\n$0\r\n\r\n:"
      "12\r\n-E x\r\n";
  const Outcome expected = Parse({whole});
  ASSERT_EQ(expected.replies.size(), 3U);
  for (size_t first = 0; first <= whole.size(); ++first) {
    for (size_t second = first; second <= whole.size(); ++second) {
      const Outcome outcome = Parse(
          {whole.substr(0, first), whole.substr(first, second - first), whole.substr(second)});
      ASSERT_FALSE(outcome.error.has_value()) << first << ' ' << second;
      ASSERT_EQ(outcome.replies, expected.replies) << first << ' ' << second;
    }
  }
}

TEST(ReplyReaderTest, ReadsTenThousandMessagesOfOneSegment) {
  std::string bytes;
  for (int i = 0; i < 10'000; ++i) {
    bytes += "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$100\r\n" + std::string(100, 'x') + "\r\n";
  }
  const Outcome outcome = Parse({bytes});
  EXPECT_FALSE(outcome.error.has_value());
  ASSERT_EQ(outcome.replies.size(), 10'000U);
  EXPECT_EQ(outcome.replies.back(), "['message','news','" + std::string(100, 'x') + "',]");
}

TEST(ReplyReaderTest, ReadsAMebibyteInSmallPieces) {
  const std::string payload(1024 * 1024, 'p');
  const std::string bytes = "$1048576\r\n" + payload + "\r\n:1\r\n";
  const Outcome outcome = Parse(InPieces(bytes, 1000));
  ASSERT_EQ(outcome.replies.size(), 2U);
  EXPECT_EQ(outcome.replies[0], "'" + payload + "'");
}

TEST(ReplyReaderTest, StopsWhenTheHandlerSaysSo) {
  ReplyReader reader({});
  int replies = 0;
  EXPECT_TRUE(reader.Read(":1\r\n:2\r\n:3\r\n", [&](const Reply&) { return ++replies < 2; }));
  EXPECT_EQ(replies, 2);
}

TEST(ReplyReaderTest, RefusesWhatIsNotResp2) {
  ExpectRefused("HTTP/1.1 400 Bad Request\r\n");
  ExpectRefused("\x15\x03\x01");  // a TLS alert
  ExpectRefused(std::string_view("\0", 1));
  ExpectRefused("\r\n");
  for (const char* resp3 : {"_\r\n", "#t\r\n", ",1.5\r\n", "(12\r\n", "%1\r\n:1\r\n:2\r\n",
                            "~1\r\n:1\r\n", ">1\r\n:1\r\n", "=5\r\ntxt:x\r\n"}) {
    ExpectRefused(resp3);
  }
}

TEST(ReplyReaderTest, RefusesBadLengthsAndNumbers) {
  ExpectRefused("$-2\r\n");
  ExpectRefused("*-2\r\n");
  ExpectRefused("$x\r\n");
  ExpectRefused("$\r\n");
  ExpectRefused("*1x\r\n");
  ExpectRefused(":12a\r\n");
  ExpectRefused(":\r\n");
  ExpectRefused("$99999999999999999999999\r\n");
  ExpectRefused("*99999999999999999999999\r\n");
}

TEST(ReplyReaderTest, RefusesAStringThatEndsInOtherBytes) {
  ExpectRefused("$5\r\nhelloXX");
  ExpectRefused("$5\r\nhello\n\n");
}

TEST(ReplyReaderTest, NestsSevenDeepAndNoDeeper) {
  const Outcome deep = Parse({Nested(7)});
  EXPECT_EQ(deep.replies, std::vector<std::string>{"[[[[[[[7,],],],],],],]"});
  ExpectRefused(Nested(8));
  ExpectRefused(Nested(9));
  ExpectRefused(Nested(1000));
}

TEST(ReplyReaderTest, RefusesAnAnnouncedStringOverTheLimitBeforeItArrives) {
  const ReplyLimits limits{.reply_bytes = 1000, .string_bytes = 1000};
  EXPECT_EQ(Parse({"$1000\r\n" + std::string(1000, 'x') + "\r\n"}, limits).replies.size(), 1U);
  const Outcome outcome = Parse({"$1001\r\n"}, limits);
  ASSERT_TRUE(outcome.error.has_value());
  EXPECT_EQ(outcome.error->code, Errc::kLimit);
  EXPECT_EQ(outcome.error->message, "reply of more than 1000 bytes");
}

TEST(ReplyReaderTest, RefusesAnArrayWhoseStringsAreOverTheLimitTogether) {
  const ReplyLimits limits{.reply_bytes = 1000, .string_bytes = 1000};
  const std::string string = "$400\r\n" + std::string(400, 'x') + "\r\n";
  EXPECT_EQ(Parse({"*2\r\n" + string + string}, limits).replies.size(), 1U);
  const Outcome outcome = Parse({"*3\r\n" + string + string + string}, limits);
  ASSERT_TRUE(outcome.error.has_value());
  EXPECT_EQ(outcome.error->code, Errc::kLimit);
  EXPECT_EQ(Parse({string + string + string + string}, limits).replies.size(), 4U);
}

TEST(ReplyReaderTest, RefusesAnArrayThatWouldTakeTooMuchMemory) {
  ExpectRefused("*2000000000\r\n", Errc::kLimit);
  ExpectRefused("*10000000\r\n", Errc::kLimit);
  // Each alone is allowed.
  ExpectRefused("*600000\r\n*600000\r\n*600000\r\n", Errc::kLimit);
}

TEST(ReplyReaderTest, RefusesAnEndlessLine) {
  const std::string line(70'000, 'a');
  ExpectRefused("+" + line);
  ExpectRefused("$" + line);
  ExpectRefused("*2\r\n+" + line);
}

TEST(ReplyReaderTest, SkipsALongStringAndTellsItsSize) {
  const ReplyLimits limits{.reply_bytes = 10'000, .string_bytes = 10};
  const Outcome outcome =
      Parse({"*2\r\n$11\r\n01234567890\r\n$10\r\n0123456789\r\n:1\r\n"}, limits);
  const std::vector<std::string> expected = {"[cut:11,'0123456789',]", "1"};
  EXPECT_EQ(outcome.replies, expected);
}

TEST(ReplyReaderTest, SkipsTheSameTornAtEveryPairOfBytes) {
  const ReplyLimits limits{.reply_bytes = 10'000, .string_bytes = 2};
  // Two long strings one after the other, and bytes inside that look like another reply.
  const std::string_view whole =
      "*3\r\n$11\r\n$1\r\nx\r\n:9\r\n\r\n$3\r\nabc\r\n$2\r\nde\r\n:1\r\n$4\r\nfghi\r\n+OK\r\n";
  const std::vector<std::string> expected = {"[cut:11,cut:3,'de',]", "1", "cut:4", "+OK"};
  for (size_t first = 0; first <= whole.size(); ++first) {
    for (size_t second = first; second <= whole.size(); ++second) {
      const Outcome outcome =
          Parse({whole.substr(0, first), whole.substr(first, second - first), whole.substr(second)},
                limits);
      ASSERT_FALSE(outcome.error.has_value()) << first << ' ' << second;
      ASSERT_EQ(outcome.replies, expected) << first << ' ' << second;
    }
  }
}

TEST(ReplyReaderTest, RefusesALongStringThatEndsInOtherBytes) {
  const ReplyLimits limits{.reply_bytes = 10'000, .string_bytes = 2};
  const std::string_view whole = "$5\r\nhelloXX";
  for (size_t at = 0; at <= whole.size(); ++at) {
    const Outcome outcome = Parse({whole.substr(0, at), whole.substr(at)}, limits);
    ASSERT_TRUE(outcome.error.has_value()) << at;
    EXPECT_EQ(outcome.error->code, Errc::kInvalid) << at;
    EXPECT_TRUE(outcome.replies.empty()) << at;
  }
}

TEST(ReplyReaderTest, LongStringsCountAgainstTheLimitOfTheirReply) {
  const ReplyLimits limits{.reply_bytes = 1000, .string_bytes = 10};
  const std::string string = "$400\r\n" + std::string(400, 'x') + "\r\n";
  const std::string two = "*2\r\n" + string + string;
  const std::string three = "*3\r\n" + string + string + string;
  EXPECT_EQ(Parse(InPieces(two, 7), limits).replies,
            std::vector<std::string>{"[cut:400,cut:400,]"});
  const Outcome outcome = Parse(InPieces(three, 7), limits);
  ASSERT_TRUE(outcome.error.has_value());
  EXPECT_EQ(outcome.error->code, Errc::kLimit);
}

}  // namespace
}  // namespace sluice::redis
