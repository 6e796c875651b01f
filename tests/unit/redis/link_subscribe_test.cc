// PubSubLink: coming up, subscriptions and messages.
#include <algorithm>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "link_fixture.h"

namespace sluice::redis {
namespace {

using LinkSubscribeTest = LinkFixture;
using Answer = std::optional<std::string>;

TEST_F(LinkSubscribeTest, ComesUpAfterEverythingIsAcknowledgedAndTheProbeCameBack) {
  wanted_ = {"news"};
  StartLink();
  EXPECT_EQ(Told(), (Lines{"subscribed news", "up"}));
  EXPECT_TRUE(link_->up());
  EXPECT_TRUE(link_->stats().up);
  EXPECT_GT(link_->stats().probe_ns, 0U);
  EXPECT_EQ(link_->stats().reconnects, 0U);
  EXPECT_EQ(link_->trouble(), "");
  const Lines commands = redis_.TakeCommands();
  ASSERT_EQ(commands.size(), 5U);
  EXPECT_EQ(commands[0], "CLIENT SETNAME sluice");
  EXPECT_EQ(commands[1], "CLIENT SETNAME sluice");
  EXPECT_EQ(commands[2], "SUBSCRIBE news");
  EXPECT_EQ(commands[3].substr(0, 21), "SUBSCRIBE sluice:ctl:");
  EXPECT_EQ(commands[4], "PUBLISH " + commands[3].substr(10) + " 1");
}

TEST_F(LinkSubscribeTest, LogsInAndSelectsBeforeAllElse) {
  Options options;
  options.user = "gateway";
  options.password = "s3cret";
  options.database = 7;
  StartLink(options);
  EXPECT_TRUE(link_->up());
  Lines commands = redis_.TakeCommands();
  commands.resize(3);
  EXPECT_EQ(commands, (Lines{"AUTH gateway s3cret", "SELECT 7", "CLIENT SETNAME sluice"}));
}

TEST_F(LinkSubscribeTest, LogsInWithoutAUserAsOlderServersWantIt) {
  Options options;
  options.password = "s3cret";
  StartLink(options);
  EXPECT_EQ(redis_.TakeCommands().at(0), "AUTH s3cret");
}

TEST_F(LinkSubscribeTest, LogsInAUserWithoutAPassword) {
  Options options;
  options.user = "gateway";
  StartLink(options);
  EXPECT_EQ(redis_.TakeCommands().at(0), "AUTH gateway ");
}

TEST_F(LinkSubscribeTest, DoesWithoutANameThatRedisRefuses) {
  redis_.SetAnswer([](const auto& command) -> Answer {
    if (command[0] == "CLIENT") return "-NOPERM no permissions to run 'client|setname'\r\n";
    return std::nullopt;
  });
  StartLink();
  EXPECT_TRUE(link_->up());
}

TEST_F(LinkSubscribeTest, IsNotUpWhileTheProbeIsOut) {
  redis_.SetAnswer([](const auto& command) -> Answer {
    if (command[0] == "PUBLISH") return ":1\r\n";  // answered, but delivered to nobody
    return std::nullopt;
  });
  wanted_ = {"news"};
  StartLink();
  EXPECT_EQ(Told(), Lines{"subscribed news"});
  EXPECT_FALSE(link_->up());
}

TEST_F(LinkSubscribeTest, SubscribesAndDelivers) {
  StartUp();
  link_->Subscribe("news");
  redis_.Serve();
  EXPECT_EQ(redis_.Publish("news", "hello"), 1U);
  EXPECT_EQ(redis_.Publish("other", "hello"), 0U);
  EXPECT_EQ(Told(), (Lines{"subscribed news", "news: hello"}));
  EXPECT_EQ(link_->stats().messages, 1U);
}

TEST_F(LinkSubscribeTest, DeliversAnyBytesOfChannelsAndPayloads) {
  const std::string channel("a\0\r\n\xff b", 7);
  const std::string payload("\r\n*1\r\n\0\xfe", 8);
  StartUp();
  link_->Subscribe(channel);
  redis_.Serve();
  redis_.Publish(channel, payload);
  redis_.Publish(channel, "");
  EXPECT_EQ(Told(), (Lines{"subscribed " + channel, channel + ": " + payload, channel + ": "}));
}

TEST_F(LinkSubscribeTest, DeliversAMebibyteAndThrowsAwayMore) {
  wanted_ = {"big"};
  StartUp();
  redis_.Publish("big", std::string(1024 * 1024, 'x'));
  redis_.Publish("big", std::string(1024 * 1024 + 1, 'x'));
  redis_.Publish("big", "after");
  const Lines told = Told();
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[0].size(), 5U + 1024 * 1024);
  EXPECT_EQ(told[1], "oversized big 1048577");
  EXPECT_EQ(told[2], "big: after");
  EXPECT_EQ(link_->stats().oversized, 1U);
  EXPECT_TRUE(link_->up());
}

TEST_F(LinkSubscribeTest, HoldsALimitOnMessagesThatIsSmallerThanChannelNames) {
  wanted_ = {"a-channel"};
  Options options;
  options.max_message_bytes = 4;
  StartUp(options);
  redis_.Publish("a-channel", "12345");
  redis_.Publish("a-channel", "1234");
  EXPECT_EQ(Told(), (Lines{"oversized a-channel 5", "a-channel: 1234"}));
}

TEST_F(LinkSubscribeTest, DeliversTenThousandMessagesOfOneSegmentInOrder) {
  wanted_ = {"news"};
  StartUp();
  std::string segment;
  for (int i = 0; i < 10'000; ++i) {
    segment += testing::RedisMessage("news", std::to_string(i));
  }
  redis_.SendToSubscribers(segment);
  const Lines told = Told();
  ASSERT_EQ(told.size(), 10'000U);
  EXPECT_EQ(told[0], "news: 0");
  EXPECT_EQ(told[9'999], "news: 9999");
}

TEST_F(LinkSubscribeTest, DeliversNothingAfterUnsubscribe) {
  wanted_ = {"news"};
  StartUp();
  link_->Unsubscribe("news");
  redis_.Publish("news", "still under way");
  redis_.Serve();
  EXPECT_FALSE(redis_.subscribed("news"));
  EXPECT_EQ(Told(), Lines{});
}

TEST_F(LinkSubscribeTest, TellsOfTheSubscriptionThatWasAskedForLast) {
  StartUp();
  redis_.Freeze(true);
  link_->Subscribe("news");
  link_->Unsubscribe("news");
  link_->Subscribe("news");
  redis_.Serve();
  // The first SUBSCRIBE is answered, and a message comes before the others are.
  redis_.SendToSubscribers("*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:2\r\n" +
                           testing::RedisMessage("news", "too early"));
  EXPECT_EQ(Told(), Lines{});
  redis_.SendToSubscribers("*3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:1\r\n");
  EXPECT_EQ(Told(), Lines{});
  redis_.SendToSubscribers("*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:2\r\n" +
                           testing::RedisMessage("news", "right"));
  EXPECT_EQ(Told(), (Lines{"subscribed news", "news: right"}));
}

TEST_F(LinkSubscribeTest, SendsWhatItCannotWriteAtOnceInBoundedPieces) {
  StartUp();
  testing::FakePeer& peer = redis_.peer(0);
  peer.SetBudget(10);
  constexpr int kChannels = 5'000;
  for (int i = 0; i < kChannels; ++i) link_->Subscribe("channel-number-" + std::to_string(i));
  size_t rounds = 0;
  while (peer.wants_writable()) {
    ASSERT_LT(++rounds, 10'000U);
    peer.MakeWritable(1'000);
    redis_.Serve();
  }
  EXPECT_EQ(std::count_if(told_.begin(), told_.end(),
                          [](const std::string& line) { return line.starts_with("subscribed "); }),
            kChannels);
  EXPECT_GT(rounds, 100U);
}

TEST_F(LinkSubscribeTest, WritesSubscriptionsInFewBatches) {
  for (int i = 0; i < 5'000; ++i) wanted_.push_back("channel-number-" + std::to_string(i));
  StartLink();
  EXPECT_TRUE(link_->up());
  EXPECT_EQ(told_.size(), 5'001U);
  // 5,000 commands of some 60 bytes in batches of 64 KiB, and the login.
  EXPECT_LE(redis_.peer(0).writes(), 8U);
}

TEST_F(LinkSubscribeTest, ReportsARefusedChannelAndGoesOn) {
  redis_.SetAnswer([](const auto& command) -> Answer {
    if (command[0] == "SUBSCRIBE" && command[1] == "secret") {
      return "-NOPERM this user has no permissions to access one of the channels\r\n";
    }
    return std::nullopt;
  });
  wanted_ = {"secret"};
  StartLink();
  link_->Subscribe("news");
  redis_.Serve();
  EXPECT_EQ(Told(), (Lines{"refused secret", "up", "subscribed news"}));
  EXPECT_NE(reasons_.at(0).find("NOPERM"), std::string::npos);
  redis_.ServeFor(5'000);
  EXPECT_EQ(redis_.accepted(), 2U);  // no reconnect
  EXPECT_TRUE(link_->up());
}

TEST_F(LinkSubscribeTest, TheHandlerMayCallTheLinkFromEveryCallback) {
  struct Busy : PubSubHandler {
    PubSubLink* link = nullptr;
    int up = 0;
    int published = 0;
    void OnLinkUp() override {
      ++up;
      link->Subscribe("second");
    }
    void OnLinkDown(std::string_view) override {
      link->Subscribe("third");
      link->Publish("x", "y", [this](Result<int64_t>) { ++published; });
    }
    void OnSubscribed(std::string_view channel) override {
      link->Unsubscribe(channel);
      if (channel != "other") link->Subscribe("other");
    }
    void OnSubscribeFailed(std::string_view channel, std::string_view) override {
      link->Unsubscribe(channel);
    }
    void OnMessage(std::string_view channel, std::string_view) override {
      link->Unsubscribe(channel);
    }
    void OnOversized(std::string_view channel, uint64_t) override { link->Unsubscribe(channel); }
  } busy;
  link_ = std::make_unique<PubSubLink>(loop_, network_, Options{}, busy);
  busy.link = link_.get();
  link_->Subscribe("first");
  link_->Start();
  redis_.Serve();
  EXPECT_EQ(busy.up, 1);
  redis_.KillAll(ECONNRESET);
  redis_.ServeFor(1'000);
  EXPECT_EQ(busy.up, 2);
  EXPECT_EQ(busy.published, 1);
}

}  // namespace
}  // namespace sluice::redis
