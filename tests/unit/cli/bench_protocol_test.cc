#include "cli/bench_protocol.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::cli::bench {
namespace {

PublishTarget Target(std::string_view text) {
  auto target = ParsePublishTarget(text, "news");
  EXPECT_TRUE(target) << text;
  return target ? *target : PublishTarget();
}

// Replies completed when `text` comes in two parts, cut at `at`.
uint64_t RepliesInTwo(const PublishTarget& target, std::string_view text, size_t at) {
  const auto protocol = target.MakeProtocol();
  const auto first = protocol->TakeReplies(text.substr(0, at));
  const auto second = protocol->TakeReplies(text.substr(at));
  EXPECT_TRUE(first && second);
  return first.value_or(0) + second.value_or(0);
}

TEST(BenchPublishTargetTest, UnderstandsEveryForm) {
  EXPECT_EQ(Target("none").kind, PublishTarget::Kind::kNone);
  EXPECT_EQ(Target("redis://10.0.0.1:7000").endpoint.ToString(), "10.0.0.1:7000");
  EXPECT_EQ(Target("redis://10.0.0.1/0").endpoint.port, 6379);
  EXPECT_EQ(Target("unix:/run/r.sock").endpoint.unix_path, "/run/r.sock");
  EXPECT_EQ(Target("unix:///run/r.sock").endpoint.unix_path, "/run/r.sock");
  const PublishTarget secret = Target("redis://bob:p@ss@10.0.0.1:7000");
  EXPECT_EQ(secret.user, "bob");
  EXPECT_EQ(secret.password, "p@ss");
  const PublishTarget http = Target("http://127.0.0.1:8080/publish/news?event=a");
  EXPECT_EQ(http.kind, PublishTarget::Kind::kHttp);
  EXPECT_EQ(http.url.target, "/publish/news?event=a");
}

TEST(BenchPublishTargetTest, RefusesWhatItCannotDo) {
  for (const char* text : {"", "kafka://x", "redis://", "redis://pw@host:1", "redis://h:99999",
                           "unix:", "http://", "http://h:x/"}) {
    EXPECT_FALSE(ParsePublishTarget(text, "news")) << text;
  }
  EXPECT_FALSE(ParsePublishTarget("redis://10.0.0.1:7000", ""));
}

TEST(BenchProtocolTest, RedisPublishIsOneCommand) {
  std::string out;
  const auto protocol = Target("unix:/r.sock").MakeProtocol();
  EXPECT_EQ(protocol->Greet(out), 0U);
  protocol->Encode("hello", out);
  EXPECT_EQ(out, "*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
}

TEST(BenchProtocolTest, RedisIsGreetedWithThePassword) {
  std::string out;
  EXPECT_EQ(Target("redis://:pw@10.0.0.1:1").MakeProtocol()->Greet(out), 1U);
  EXPECT_EQ(out, "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n");
}

TEST(BenchProtocolTest, RedisRepliesAreCountedWhereverTheyAreCut) {
  const PublishTarget target = Target("unix:/r.sock");
  constexpr std::string_view kReplies = ":1\r\n:0\r\n:12\r\n";
  for (size_t at = 0; at <= kReplies.size(); ++at) {
    EXPECT_EQ(RepliesInTwo(target, kReplies, at), 3U) << at;
  }
}

TEST(BenchProtocolTest, RedisRefusalIsAnError) {
  const auto replies = Target("unix:/r.sock").MakeProtocol()->TakeReplies("-NOAUTH no\r\n");
  ASSERT_FALSE(replies);
  EXPECT_EQ(replies.error().message, "redis: -NOAUTH no");
  EXPECT_FALSE(Target("unix:/r.sock").MakeProtocol()->TakeReplies("HTTP/1.1 400\r\n"));
}

TEST(BenchProtocolTest, HttpRepliesAreCountedWhereverTheyAreCut) {
  const PublishTarget target = Target("http://127.0.0.1:1/p");
  constexpr std::string_view kReplies =
      "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"
      "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
      "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
  for (size_t at = 0; at <= kReplies.size(); ++at) {
    EXPECT_EQ(RepliesInTwo(target, kReplies, at), 3U) << at;
  }
}

TEST(BenchProtocolTest, HttpRefusalIsAnError) {
  const auto replies = Target("http://127.0.0.1:1/p")
                           .MakeProtocol()
                           ->TakeReplies("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  ASSERT_FALSE(replies);
  EXPECT_EQ(replies.error().message, "publish refused: 404 Not Found");
}

}  // namespace
}  // namespace sluice::cli::bench
