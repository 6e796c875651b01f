#include "redis/subscriptions.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::redis {
namespace {

using Meaning = Subscriptions::Meaning;

// All commands that are to be sent: "+news" for SUBSCRIBE, "-news" for UNSUBSCRIBE.
std::vector<std::string> Sent(Subscriptions& subscriptions) {
  std::vector<std::string> commands;
  while (true) {
    const Subscriptions::Command command = subscriptions.Next();
    if (command.channel == nullptr) return commands;
    commands.push_back((command.subscribe ? "+" : "-") + std::string(command.channel->name));
  }
}

using Commands = std::vector<std::string>;

TEST(SubscriptionsTest, SendsWhatIsWantedOnceConnectedTheLastOneLast) {
  Subscriptions subscriptions;
  for (const char* name : {"ctl", "a", "b", "c"}) EXPECT_TRUE(subscriptions.Want(name));
  EXPECT_EQ(Sent(subscriptions), Commands{});
  subscriptions.Begin("ctl");
  const Commands commands = Sent(subscriptions);
  ASSERT_EQ(commands.size(), 4U);
  EXPECT_EQ(commands.back(), "+ctl");
  EXPECT_EQ(subscriptions.wanted(), 4U);
}

TEST(SubscriptionsTest, WantingTwiceIsWantingOnce) {
  Subscriptions subscriptions;
  subscriptions.Begin("ctl");
  EXPECT_TRUE(subscriptions.Want("a"));
  EXPECT_FALSE(subscriptions.Want("a"));
  EXPECT_FALSE(subscriptions.Unwant("b"));
  EXPECT_EQ(Sent(subscriptions), Commands{"+a"});
}

TEST(SubscriptionsTest, IsLiveFromItsAcknowledgementToUnwant) {
  Subscriptions subscriptions;
  subscriptions.Begin("ctl");
  subscriptions.Want("a");
  EXPECT_EQ(Sent(subscriptions), Commands{"+a"});
  EXPECT_EQ(subscriptions.FindLive("a"), nullptr);
  const auto answer = subscriptions.Acknowledge(true, "a");
  EXPECT_EQ(answer.meaning, Meaning::kSubscribed);
  EXPECT_EQ(answer.channel->name, "a");
  EXPECT_NE(subscriptions.FindLive("a"), nullptr);
  subscriptions.Unwant("a");
  EXPECT_EQ(subscriptions.FindLive("a"), nullptr);
  EXPECT_EQ(Sent(subscriptions), Commands{"-a"});
  EXPECT_EQ(subscriptions.Acknowledge(false, "a").meaning, Meaning::kStale);
}

TEST(SubscriptionsTest, OnlyTheAcknowledgementOfTheLastWantCounts) {
  Subscriptions subscriptions;
  subscriptions.Begin("ctl");
  subscriptions.Want("a");
  EXPECT_EQ(Sent(subscriptions), Commands{"+a"});
  subscriptions.Unwant("a");
  EXPECT_EQ(Sent(subscriptions), Commands{"-a"});
  subscriptions.Want("a");
  EXPECT_EQ(Sent(subscriptions), Commands{"+a"});
  EXPECT_EQ(subscriptions.Acknowledge(true, "a").meaning, Meaning::kStale);
  EXPECT_EQ(subscriptions.FindLive("a"), nullptr);
  EXPECT_EQ(subscriptions.Acknowledge(false, "a").meaning, Meaning::kStale);
  EXPECT_EQ(subscriptions.Acknowledge(true, "a").meaning, Meaning::kSubscribed);
  EXPECT_NE(subscriptions.FindLive("a"), nullptr);
}

TEST(SubscriptionsTest, SubscribesAgainWhenUnwantWasNeverSent) {
  Subscriptions subscriptions;
  subscriptions.Begin("ctl");
  subscriptions.Want("a");
  EXPECT_EQ(Sent(subscriptions), Commands{"+a"});
  EXPECT_EQ(subscriptions.Acknowledge(true, "a").meaning, Meaning::kSubscribed);
  subscriptions.Unwant("a");
  subscriptions.Want("a");
  EXPECT_EQ(subscriptions.FindLive("a"), nullptr);
  EXPECT_EQ(Sent(subscriptions), Commands{"+a"});
  EXPECT_EQ(subscriptions.Acknowledge(true, "a").meaning, Meaning::kSubscribed);
}

TEST(SubscriptionsTest, SendsNothingForWhatCameAndWent) {
  Subscriptions subscriptions;
  subscriptions.Begin("ctl");
  for (int i = 0; i < 1'000; ++i) {
    subscriptions.Want("a");
    subscriptions.Unwant("a");
  }
  EXPECT_EQ(Sent(subscriptions), Commands{});
  EXPECT_EQ(subscriptions.wanted(), 0U);
}

TEST(SubscriptionsTest, RefusalLeavesTheChannelWantedForTheNextConnection) {
  Subscriptions subscriptions;
  subscriptions.Begin("ctl");
  subscriptions.Want("a");
  EXPECT_EQ(Sent(subscriptions), Commands{"+a"});
  const auto answer = subscriptions.Refuse();
  EXPECT_EQ(answer.meaning, Meaning::kRefused);
  EXPECT_EQ(answer.channel->name, "a");
  EXPECT_EQ(Sent(subscriptions), Commands{});
  subscriptions.Lost();
  subscriptions.Begin("ctl");
  EXPECT_EQ(Sent(subscriptions), Commands{"+a"});
}

TEST(SubscriptionsTest, RefusedChannelIsLeftWithoutACommandAndMayBeWantedAgain) {
  Subscriptions subscriptions;
  subscriptions.Begin("ctl");
  subscriptions.Want("a");
  EXPECT_EQ(Sent(subscriptions), Commands{"+a"});
  EXPECT_EQ(subscriptions.Refuse().meaning, Meaning::kRefused);
  subscriptions.Unwant("a");
  EXPECT_EQ(Sent(subscriptions), Commands{});
  subscriptions.Want("a");
  EXPECT_EQ(Sent(subscriptions), Commands{"+a"});
  EXPECT_EQ(subscriptions.Acknowledge(true, "a").meaning, Meaning::kSubscribed);
}

TEST(SubscriptionsTest, RefusalOfAnOlderCommandIsStale) {
  Subscriptions subscriptions;
  subscriptions.Begin("ctl");
  subscriptions.Want("a");
  EXPECT_EQ(Sent(subscriptions), Commands{"+a"});
  subscriptions.Unwant("a");
  EXPECT_EQ(Sent(subscriptions), Commands{"-a"});
  subscriptions.Want("a");
  EXPECT_EQ(Sent(subscriptions), Commands{"+a"});
  EXPECT_EQ(subscriptions.Refuse().meaning, Meaning::kStale);
  EXPECT_EQ(subscriptions.Acknowledge(false, "a").meaning, Meaning::kStale);
  EXPECT_EQ(subscriptions.Acknowledge(true, "a").meaning, Meaning::kSubscribed);
}

TEST(SubscriptionsTest, AnswersThatFitNoCommandAreUnexpected) {
  Subscriptions subscriptions;
  subscriptions.Begin("ctl");
  EXPECT_EQ(subscriptions.Acknowledge(true, "a").meaning, Meaning::kUnexpected);
  EXPECT_EQ(subscriptions.Refuse().meaning, Meaning::kUnexpected);
  subscriptions.Want("a");
  EXPECT_EQ(Sent(subscriptions), Commands{"+a"});
  EXPECT_EQ(subscriptions.Acknowledge(true, "b").meaning, Meaning::kUnexpected);
  EXPECT_EQ(subscriptions.Acknowledge(false, "a").meaning, Meaning::kUnexpected);
}

TEST(SubscriptionsTest, LossForgetsAnswersAndWhatIsNotWanted) {
  Subscriptions subscriptions;
  subscriptions.Begin("ctl");
  for (const char* name : {"a", "b", "c"}) subscriptions.Want(name);
  EXPECT_EQ(Sent(subscriptions).size(), 3U);
  EXPECT_EQ(subscriptions.Acknowledge(true, "a").meaning, Meaning::kSubscribed);
  subscriptions.Unwant("b");
  subscriptions.Lost();
  EXPECT_EQ(subscriptions.FindLive("a"), nullptr);
  EXPECT_FALSE(subscriptions.has_next());
  subscriptions.Unwant("c");
  subscriptions.Begin("ctl");
  EXPECT_EQ(Sent(subscriptions), Commands{"+a"});
}

}  // namespace
}  // namespace sluice::redis
