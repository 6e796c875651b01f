// PubSubLink against a real redis-server, over the real loop and network.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/redis/pubsub_link.h"
#include "sluice/uv/uv_loop.h"
#include "support/redis_server.h"

namespace sluice::redis {
namespace {

using Lines = std::vector<std::string>;
using testing::RedisServer;

class RealRedisTest : public ::testing::Test, public PubSubHandler {
 protected:
  void StartLink(RedisServer& server, Options options = {}) {
    ASSERT_TRUE(server.running());
    options.endpoint = server.endpoint();
    options.backoff_max_ms = 200;
    link_ = std::make_unique<PubSubLink>(*loop_, *network_, std::move(options), *this);
    link_->Start();
  }

  // How much longer than usual to wait for what must happen: sanitizers are slow.
  static uint64_t Patience() {
    const char* patience = std::getenv("SLUICE_TEST_PATIENCE");
    return patience == nullptr ? 1 : std::strtoull(patience, nullptr, 10);
  }
  // Runs the loop until it holds; false if that takes too long.
  bool RunUntil(const std::function<bool()>& holds) {
    bool held = false;
    const auto check = loop_->MakeTimer([&] {
      if (!holds()) return;
      held = true;
      loop_->Stop();
    });
    const auto limit = loop_->MakeTimer([&] { loop_->Stop(); });
    check->Start(0, 1);
    limit->Start(20'000 * Patience());
    loop_->Run();
    return held;
  }
  bool RunUntilUp() {
    return RunUntil([this] { return link_->up(); });
  }
  bool RunUntilTold(const std::string& line) {
    return RunUntil([&] { return std::find(told_.begin(), told_.end(), line) != told_.end(); });
  }
  // Why an attempt failed.
  std::string Trouble() {
    EXPECT_TRUE(RunUntilTold("down"));
    return link_->trouble();
  }

  void OnLinkUp() override { told_.push_back("up"); }
  void OnLinkDown(std::string_view) override { told_.push_back("down"); }
  void OnSubscribed(std::string_view channel) override {
    told_.push_back("subscribed " + std::string(channel));
  }
  void OnSubscribeFailed(std::string_view channel, std::string_view) override {
    told_.push_back("refused " + std::string(channel));
  }
  void OnMessage(std::string_view channel, std::string_view payload) override {
    told_.push_back(std::string(channel) + ": " + std::string(payload));
  }
  void OnOversized(std::string_view channel, uint64_t size) override {
    told_.push_back("oversized " + std::string(channel) + " " + std::to_string(size));
  }

  std::unique_ptr<event::Loop> loop_ = uv::MakeLoop();
  std::unique_ptr<net::Network> network_ = uv::MakeNetwork(*loop_);
  Lines told_;
  std::unique_ptr<PubSubLink> link_;
};

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_F(RealRedisTest, DeliversWhatOthersPublish) {
  RedisServer server;
  StartLink(server);
  link_->Subscribe("news");
  ASSERT_TRUE(RunUntilUp());
  ASSERT_TRUE(RunUntilTold("subscribed news"));
  const std::string bytes("a\0\r\n\xff", 5);
  const std::string large(1024 * 1024, 'x');
  EXPECT_EQ(server.Command({"PUBLISH", "news", "hello"}), ":1");
  EXPECT_EQ(server.Command({"PUBLISH", "news", ""}), ":1");
  EXPECT_EQ(server.Command({"PUBLISH", "news", bytes}), ":1");
  EXPECT_EQ(server.Command({"PUBLISH", "news", large}), ":1");
  EXPECT_EQ(server.Command({"PUBLISH", "news", large + "x"}), ":1");
  EXPECT_EQ(server.Command({"PUBLISH", "other", "hello"}), ":0");
  ASSERT_TRUE(RunUntilTold("oversized news 1048577"));
  told_.erase(told_.begin(), std::find(told_.begin(), told_.end(), "news: hello"));
  EXPECT_EQ(told_, (Lines{"news: hello", "news: ", "news: " + bytes, "news: " + large,
                          "oversized news 1048577"}));
  EXPECT_GT(link_->stats().probe_ns, 0U);
}

TEST_F(RealRedisTest, PublishesAndTellsTheReceivers) {
  RedisServer server;
  StartLink(server);
  ASSERT_TRUE(RunUntilUp());
  link_->Subscribe("news");
  ASSERT_TRUE(RunUntilTold("subscribed news"));
  int64_t sum = 0;
  int answers = 0;
  constexpr int kMessages = 10'000;
  for (int i = 0; i < kMessages; ++i) {
    link_->Publish("news", std::to_string(i), [&](Result<int64_t> receivers) {
      ++answers;
      sum += receivers.value_or(-1'000'000);
    });
  }
  ASSERT_TRUE(RunUntilTold("news: 9999"));
  ASSERT_TRUE(RunUntil([&] { return answers == kMessages; }));
  EXPECT_EQ(sum, kMessages);
  EXPECT_EQ(link_->stats().messages, 10'000U);
}

TEST_F(RealRedisTest, RecoversFromAKilledServerAndSubscribesAgain) {
  RedisServer server;
  StartLink(server);
  for (int i = 0; i < 5'000; ++i) link_->Subscribe("channel-" + std::to_string(i));
  ASSERT_TRUE(RunUntilUp());
  server.Kill();
  ASSERT_TRUE(RunUntilTold("down"));
  EXPECT_FALSE(link_->up());
  told_.clear();
  server.Start();
  ASSERT_TRUE(RunUntilUp());
  EXPECT_EQ(std::count_if(told_.begin(), told_.end(),
                          [](const std::string& line) { return line.starts_with("subscribed "); }),
            5'000);
  EXPECT_EQ(server.Command({"PUBLISH", "channel-4999", "back"}), ":1");
  EXPECT_TRUE(RunUntilTold("channel-4999: back"));
  EXPECT_EQ(link_->stats().reconnects, 1U);
}

TEST_F(RealRedisTest, WaitsForAServerThatIsNotThereYet) {
  RedisServer server;
  server.Kill();
  Options options;
  options.endpoint = server.endpoint();
  options.backoff_max_ms = 200;
  link_ = std::make_unique<PubSubLink>(*loop_, *network_, std::move(options), *this);
  link_->Start();
  EXPECT_TRUE(Contains(Trouble(), "cannot connect to unix:" + server.socket_path()));
  server.Start();
  EXPECT_TRUE(RunUntilUp());
}

TEST_F(RealRedisTest, NoticesAStoppedServerAndItsReturn) {
  RedisServer server;
  Options options;
  options.probe_interval_ms = 200;
  StartLink(server, options);
  link_->Subscribe("news");
  ASSERT_TRUE(RunUntilUp());
  server.Freeze();
  EXPECT_TRUE(Contains(Trouble(), "a probe message did not come back within 1000 ms"));
  server.Continue();
  ASSERT_TRUE(RunUntilUp());
  EXPECT_EQ(server.Command({"PUBLISH", "news", "back"}), ":1");
  EXPECT_TRUE(RunUntilTold("news: back"));
}

TEST_F(RealRedisTest, RecoversWhenItsSubscriberIsKilled) {
  RedisServer server;
  StartLink(server);
  link_->Subscribe("news");
  ASSERT_TRUE(RunUntilUp());
  EXPECT_EQ(server.Command({"CLIENT", "KILL", "TYPE", "pubsub"}), ":1");
  EXPECT_TRUE(Contains(Trouble(), "Redis closed the connection"));
  EXPECT_TRUE(RunUntilUp());
}

TEST_F(RealRedisTest, DropsTheLinkOnAMessageOverTheReplyLimitAndRecovers) {
  RedisServer server;
  Options options;
  options.max_reply_bytes = 2 * 1024 * 1024;
  StartLink(server, options);
  link_->Subscribe("news");
  ASSERT_TRUE(RunUntilUp());
  EXPECT_EQ(server.Command({"PUBLISH", "news", std::string(3 * 1024 * 1024, 'x')}), ":1");
  EXPECT_TRUE(Contains(Trouble(), "reply of more than 2097152 bytes"));
  EXPECT_TRUE(RunUntilUp());
}

TEST_F(RealRedisTest, ThrowsAwayAMessageOf64MebibytesAndStaysUp) {
  RedisServer server({"--client-output-buffer-limit", "pubsub 0 0 0"});
  StartLink(server);
  link_->Subscribe("news");
  ASSERT_TRUE(RunUntilUp());
  constexpr size_t kSize = 64UL * 1024 * 1024;
  EXPECT_EQ(server.Command({"PUBLISH", "news", std::string(kSize, 'x')}), ":1");
  EXPECT_EQ(server.Command({"PUBLISH", "news", "after"}), ":1");
  ASSERT_TRUE(RunUntilTold("news: after"));
  EXPECT_TRUE(RunUntilTold("oversized news " + std::to_string(kSize)));
  EXPECT_EQ(link_->stats().failures, 0U);
}

TEST_F(RealRedisTest, RecoversWhenRedisDropsItForItsOutputBuffer) {
  RedisServer server({"--client-output-buffer-limit", "pubsub 1mb 1mb 1"});
  StartLink(server);
  link_->Subscribe("news");
  ASSERT_TRUE(RunUntilUp());
  EXPECT_NE(server.Command({"PUBLISH", "news", std::string(8UL * 1024 * 1024, 'x')}), "");
  EXPECT_TRUE(Contains(Trouble(), "client-output-buffer-limit"));
  EXPECT_TRUE(RunUntilUp());
}

TEST_F(RealRedisTest, LogsInWithThePassword) {
  RedisServer server({"--requirepass", "s3cret"});
  Options options;
  options.password = "s3cret";
  StartLink(server, options);
  EXPECT_TRUE(RunUntilUp()) << link_->trouble();
}

TEST_F(RealRedisTest, SaysThatThePasswordIsWrong) {
  RedisServer server({"--requirepass", "s3cret"});
  Options options;
  options.password = "other";
  StartLink(server, options);
  EXPECT_TRUE(Contains(Trouble(), "WRONGPASS"));
}

TEST_F(RealRedisTest, SaysThatAPasswordIsMissing) {
  RedisServer server({"--requirepass", "s3cret"});
  StartLink(server);
  EXPECT_TRUE(Contains(Trouble(), "NOAUTH"));
}

TEST_F(RealRedisTest, SaysThatAPasswordIsNotAskedFor) {
  RedisServer server;
  Options options;
  options.password = "s3cret";
  StartLink(server, options);
  EXPECT_TRUE(Contains(Trouble(), "no password set"));
}

TEST_F(RealRedisTest, LivesWithAnAclUserAndItsChannels) {
  RedisServer server({"--user", "gateway", "on", ">s3cret", "resetchannels", "&news",
                      "&sluice:ctl:*", "+subscribe", "+unsubscribe", "+publish"});
  Options options;
  options.user = "gateway";
  options.password = "s3cret";
  StartLink(server, options);
  link_->Subscribe("news");
  link_->Subscribe("secret");
  ASSERT_TRUE(RunUntilUp()) << link_->trouble();
  EXPECT_TRUE(RunUntilTold("subscribed news"));
  EXPECT_TRUE(RunUntilTold("refused secret"));
  EXPECT_EQ(link_->stats().failures, 0U);
}

TEST_F(RealRedisTest, SaysThatTheAclUserLacksTheControlChannel) {
  RedisServer server({"--user", "gateway", "on", ">s3cret", "resetchannels", "&news", "+subscribe",
                      "+unsubscribe", "+publish"});
  Options options;
  options.user = "gateway";
  options.password = "s3cret";
  StartLink(server, options);
  EXPECT_TRUE(Contains(Trouble(), "&sluice:ctl:*"));
}

TEST_F(RealRedisTest, SelectsTheDatabase) {
  RedisServer server;
  Options options;
  options.database = 3;
  StartLink(server, options);
  ASSERT_TRUE(RunUntilUp()) << link_->trouble();
  EXPECT_TRUE(server.Command({"CLIENT", "LIST"}).starts_with("$"));
}

TEST_F(RealRedisTest, SaysThatTheDatabaseIsNotThere) {
  RedisServer server;
  Options options;
  options.database = 99;
  StartLink(server, options);
  EXPECT_TRUE(Contains(Trouble(), "SELECT 99: ERR DB index is out of range"));
}

TEST_F(RealRedisTest, SaysThatRedisTakesNoMoreClients) {
  RedisServer server({"--maxclients", "1"});
  StartLink(server);
  EXPECT_TRUE(Contains(Trouble(), "max number of clients reached"));
}

}  // namespace
}  // namespace sluice::redis
