// PubSubLink: the proof that messages pass.
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "link_fixture.h"

namespace sluice::redis {
namespace {

using LinkProbeTest = LinkFixture;
using Answer = std::optional<std::string>;

size_t Beats(const Lines& commands) {
  size_t beats = 0;
  for (const std::string& command : commands) {
    if (command.starts_with("PUBLISH sluice:ctl:")) ++beats;
  }
  return beats;
}

TEST_F(LinkProbeTest, SendsABeatEachInterval) {
  StartUp();
  redis_.ServeFor(10'000);
  EXPECT_EQ(Beats(redis_.TakeCommands()), 10U);
  EXPECT_TRUE(link_->up());
  EXPECT_EQ(Told(), Lines{});  // beats are nobody's messages
  EXPECT_EQ(link_->stats().messages, 0U);
}

TEST_F(LinkProbeTest, MeasuresHowLongABeatTook) {
  StartUp();
  redis_.Freeze(true);
  redis_.ServeFor(1'000);
  loop_.Advance(250);
  redis_.Freeze(false);
  redis_.Serve();
  EXPECT_EQ(link_->stats().probe_ns, 250'000'000U);
  EXPECT_TRUE(link_->up());
}

TEST_F(LinkProbeTest, NoticesAStoppedServerAfterThreeIntervals) {
  StartUp();
  redis_.Freeze(true);
  redis_.ServeFor(3'990);
  EXPECT_TRUE(link_->up());
  redis_.ServeFor(20);
  EXPECT_EQ(Told(), Lines{"down"});
  EXPECT_NE(link_->trouble().find("a probe message did not come back within 3000 ms"),
            std::string::npos);
}

TEST_F(LinkProbeTest, NoticesWithinASecondWhenTheIntervalIsShort) {
  Options options;
  options.probe_interval_ms = 100;
  StartUp(options);
  redis_.Freeze(true);
  redis_.ServeFor(1'000);
  EXPECT_TRUE(link_->up());
  redis_.ServeFor(110);
  EXPECT_FALSE(link_->up());
}

TEST_F(LinkProbeTest, NoticesAServerThatAnswersButDeliversNothing) {
  StartUp();
  redis_.SetAnswer([](const auto& command) -> Answer {
    if (command[0] == "PUBLISH") return ":1\r\n";
    return std::nullopt;
  });
  redis_.ServeFor(4'010);
  EXPECT_EQ(Told().at(0), "down");
  EXPECT_EQ(link_->stats().failures, 1U);
}

TEST_F(LinkProbeTest, KeepsALinkThatIsOnlySlow) {
  wanted_ = {"news"};
  StartUp();
  redis_.Freeze(true);
  for (int i = 0; i < 20; ++i) {
    redis_.ServeFor(1'000);
    redis_.SendToSubscribers(testing::RedisMessage("news", "backlog"));
  }
  EXPECT_TRUE(link_->up());
  redis_.Freeze(false);
  redis_.ServeFor(10);
  EXPECT_EQ(Told(), Lines(20, "news: backlog"));
}

TEST_F(LinkProbeTest, ComesBackWhenTheStoppedServerGoesOn) {
  wanted_ = {"news"};
  StartUp();
  redis_.Freeze(true);
  redis_.ServeFor(8'000);
  redis_.Freeze(false);
  redis_.ServeFor(10'000);
  EXPECT_EQ(Told().back(), "up");
  EXPECT_TRUE(redis_.subscribed("news"));
  EXPECT_EQ(redis_.connections(), 2U);
}

TEST_F(LinkProbeTest, IsNotFooledByOthersOnItsControlChannel) {
  StartLink();
  const std::string control = redis_.TakeCommands().at(2).substr(10);
  ASSERT_TRUE(control.starts_with("sluice:ctl:"));
  Told();
  redis_.SetAnswer([](const auto& command) -> Answer {
    if (command[0] == "PUBLISH") return ":1\r\n";
    return std::nullopt;
  });
  for (int i = 0; i < 310; ++i) {
    redis_.Publish(control, "1");
    redis_.Publish(control, "18446744073709551615");
    redis_.Publish(control, "");
    redis_.ServeFor(100);
  }
  redis_.ServeFor(10);
  EXPECT_EQ(Told().at(0), "down");
}

TEST_F(LinkProbeTest, GivesEachLinkAChannelOfItsOwn) {
  StartLink();
  const std::string first = redis_.TakeCommands().at(2);
  link_.reset();
  StartLink();
  const std::string second = redis_.TakeCommands().at(2);
  EXPECT_EQ(first.size(), second.size());
  EXPECT_NE(first, second);
}

TEST_F(LinkProbeTest, KeepsItsControlChannelWhateverIsUnsubscribed) {
  StartLink();
  const std::string control = redis_.TakeCommands().at(2).substr(10);
  link_->Unsubscribe(control);
  link_->Subscribe(control);
  redis_.ServeFor(5'000);
  EXPECT_TRUE(link_->up());
  EXPECT_TRUE(redis_.subscribed(control));
}

}  // namespace
}  // namespace sluice::redis
