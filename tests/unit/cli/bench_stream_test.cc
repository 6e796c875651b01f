#include "cli/bench_stream.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::cli::bench {
namespace {

using State = StreamParser::State;

struct Outcome {
  std::vector<std::string> events;  // "id|event|data"
  State state = State::kHead;
  int status = 0;

  bool operator==(const Outcome&) const = default;
};

Outcome Feed(const std::vector<std::string_view>& pieces) {
  StreamParser parser;
  Outcome outcome;
  for (const std::string_view piece : pieces) {
    if (parser.state() == State::kEnded || parser.state() == State::kBroken) break;
    parser.Feed(piece, [&](const StreamEvent& event) {
      outcome.events.push_back(std::string(event.id) + "|" + std::string(event.event) + "|" +
                               std::string(event.data));
    });
  }
  outcome.state = parser.state();
  outcome.status = parser.status();
  return outcome;
}

constexpr std::string_view kPlainHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
constexpr std::string_view kChunkedHead =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: Chunked\r\n\r\n";

TEST(BenchStreamTest, EverySplitInThreeGivesTheSameEvents) {
  const std::string text = std::string(kChunkedHead) +
                           "d\r\nretry: 1\n: k\n\r\n"
                           "16;x=y\r\n\nid: a.1\ndata: hello\n\n\r\n"
                           "9\r\nid: a.2\nd\r\n"
                           "D\r\nata:b\ndata: c\r\n"
                           "2\r\n\n\n\r\n0\r\n\r\n";
  const Outcome whole = Feed({text});
  EXPECT_EQ(whole.events, (std::vector<std::string>{"a.1||hello", "a.2||b"}));
  EXPECT_EQ(whole.state, State::kEnded);
  const std::string_view view = text;
  for (size_t first = 0; first <= view.size(); ++first) {
    for (size_t second = first; second <= view.size(); ++second) {
      ASSERT_EQ(
          Feed({view.substr(0, first), view.substr(first, second - first), view.substr(second)}),
          whole)
          << first << " " << second;
    }
  }
}

TEST(BenchStreamTest, BodyWithoutChunksIsReadAsItComes) {
  const Outcome outcome =
      Feed({kPlainHead, "event: sluice.gap\r\ndata: {}\r\n\r", "\ndata: incomplete\n"});
  EXPECT_EQ(outcome.events, std::vector<std::string>{"|sluice.gap|{}"});
  EXPECT_EQ(outcome.state, State::kOpen);
}

TEST(BenchStreamTest, EventWithoutDataIsNotHandedOut) {
  EXPECT_TRUE(Feed({kPlainHead, "id: 4\n\n: comment\n\nretry: 5\n\n"}).events.empty());
}

TEST(BenchStreamTest, OtherStatusIsReported) {
  const Outcome outcome = Feed({"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"});
  EXPECT_EQ(outcome.status, 503);
}

TEST(BenchStreamTest, WhatIsNotHttpIsBroken) {
  EXPECT_EQ(Feed({"SSH-2.0-OpenSSH_9.2\r\n\r\n"}).state, State::kBroken);
  EXPECT_EQ(Feed({"HTTP/1.1 2x0 OK\r\n\r\n"}).state, State::kBroken);
  EXPECT_EQ(Feed({std::string(70'000, 'x')}).state, State::kBroken);
}

TEST(BenchStreamTest, TornChunksAreBroken) {
  EXPECT_EQ(Feed({kChunkedHead, "3\r\nabcd"}).state, State::kBroken);
  EXPECT_EQ(Feed({kChunkedHead, "fffffffffffffffff\r\n"}).state, State::kBroken);
}

}  // namespace
}  // namespace sluice::cli::bench
