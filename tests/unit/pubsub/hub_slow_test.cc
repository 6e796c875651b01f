// What a hub does with subscribers that take less than the topic brings.

#include "unit/pubsub/hub_fixture.h"

namespace sluice::pubsub {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class HubSlowTest : public HubFixture {};

TEST_F(HubSlowTest, SlowSubscriberIsDisconnectedAtItsLimit) {
  config::Topic topic = NewsTopic();
  topic.slow_buffer_bytes = 100;
  MakeHub(topic);
  const auto slow = Join({}, "", Framing::kChunked, 0);
  const auto good = Join();
  Publish(std::string(50, 'a'));
  loop.Advance(1'000);
  EXPECT_FALSE(slow->destroyed()) << "still within the buffer";
  Publish(std::string(50, 'b'));
  loop.Advance(1'000);
  EXPECT_TRUE(slow->destroyed());
  EXPECT_EQ(Closed(CloseReason::kSlowClient), 1U);
  EXPECT_THAT(Data(*good), SizeIs(2));
}

TEST_F(HubSlowTest, SkippingSubscriberFinishesItsFrameThenIsToldThenGoesOn) {
  config::Topic topic = NewsTopic();
  topic.slow_policy = config::SlowPolicy::kSkip;
  topic.slow_buffer_bytes = 200;
  MakeHub(topic);
  const auto slow = Join({}, "", Framing::kChunked, 10);
  for (int i = 1; i <= 20; ++i) Publish(std::to_string(i) + std::string(40, '.'));
  loop.Advance(1'000);
  slow->MakeWritable();
  const auto events = EventsOf(*slow);
  ASSERT_GE(events.size(), 3U);
  EXPECT_EQ(events[0].data, "1" + std::string(40, '.')) << "the frame that was begun";
  EXPECT_EQ(events[1].data, R"({"topic":"news","reason":"slow","last_id":"ep.1"})");
  EXPECT_EQ(events.back().data, "20" + std::string(40, '.'));
  EXPECT_LE(events.size(), 5U);
  EXPECT_EQ(topic_stats().gaps[static_cast<size_t>(GapReason::kSlow)].Get(), 1U);
}

TEST_F(HubSlowTest, LatestPolicyKeepsTheNewestEventOnly) {
  config::Topic topic = NewsTopic();
  topic.slow_policy = config::SlowPolicy::kLatest;
  topic.slow_buffer_bytes = 100;
  MakeHub(topic);
  const auto slow = Join({}, "", Framing::kChunked, 0);
  for (int i = 1; i <= 9; ++i) Publish(std::to_string(i));
  loop.Advance(1'000);
  slow->MakeWritable();
  EXPECT_THAT(Data(*slow), ElementsAre(HasSubstr("\"slow\""), "9"));
}

TEST_F(HubSlowTest, LongBlockedSubscriberIsToldOnceOfAllThatItMissed) {
  config::Topic topic = NewsTopic();
  topic.slow_policy = config::SlowPolicy::kLatest;
  topic.slow_buffer_bytes = 50;
  MakeHub(topic);
  const auto slow = Join({}, "", Framing::kChunked, 0);
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 5; ++i) Publish("round " + std::to_string(round));
    loop.Advance(1'000);
  }
  slow->MakeWritable();
  EXPECT_THAT(Data(*slow), ElementsAre(HasSubstr("\"slow\""), "round 4"));
}

TEST_F(HubSlowTest, EvictionUnderASlowSubscriberIsNeverSilent) {
  config::Topic topic = NewsTopic();
  topic.slow_policy = config::SlowPolicy::kSkip;
  topic.history.events = 3;
  MakeHub(topic);
  const auto slow = Join({}, "", Framing::kChunked, 0);
  for (int i = 1; i <= 9; ++i) Publish(std::to_string(i));
  slow->MakeWritable();  // before any tick
  EXPECT_THAT(Data(*slow), ElementsAre(HasSubstr("\"slow\""), "7", "8", "9"));
}

// --- who comes back far behind ---

class SlowReplayTest : public HubFixture, public ::testing::WithParamInterface<config::SlowPolicy> {
 protected:
  // Ten events of 50 bytes wait for one that takes 20 bytes at a time.
  std::shared_ptr<testing::FakePeer> JoinFarBehind(uint32_t history_events = 1'000) {
    config::Topic topic = NewsTopic();
    topic.slow_policy = GetParam();
    topic.slow_buffer_bytes = 100;
    topic.history.events = history_events;
    MakeHub(topic);
    keeps_the_topic = Join();
    Publish("0");
    for (int i = 1; i <= 10; ++i) Publish(Event(i));
    return Join({}, "ep.1", Framing::kChunked, 20);
  }
  static std::string Event(int number) { return std::to_string(number) + std::string(40, '.'); }

  std::shared_ptr<testing::FakePeer> keeps_the_topic;
};

TEST_P(SlowReplayTest, BacklogThatItCameForIsNotSlowness) {
  const auto back = JoinFarBehind();
  std::vector<std::string> expected;
  for (int i = 1; i <= 10; ++i) expected.push_back(Event(i));
  for (int second = 0; second < 100; ++second) {
    loop.Advance(1'000);
    ASSERT_FALSE(back->destroyed());
    back->MakeWritable(20);
  }
  EXPECT_EQ(Data(*back), expected) << "all of it, and no gap";
}

TEST_P(SlowReplayTest, CountsOnceItHasCaughtUp) {
  const auto back = JoinFarBehind();
  back->MakeWritable();
  ASSERT_THAT(Data(*back), SizeIs(10));
  back->SetBudget(0);
  for (int i = 11; i <= 14; ++i) Publish(Event(i));
  loop.Advance(1'000);
  if (GetParam() == config::SlowPolicy::kDisconnect) {
    EXPECT_TRUE(back->destroyed());
    return;
  }
  back->MakeWritable();
  EXPECT_THAT(Data(*back), Contains(HasSubstr("\"slow\"")));
}

TEST_P(SlowReplayTest, WhatLeavesTheHistoryMeanwhileIsTold) {
  const auto back = JoinFarBehind(15);
  for (int i = 11; i <= 30; ++i) Publish(Event(i));
  loop.Advance(1'000);
  if (GetParam() == config::SlowPolicy::kDisconnect) {
    EXPECT_TRUE(back->destroyed());
    return;
  }
  back->MakeWritable();
  EXPECT_THAT(Data(*back), Contains(HasSubstr("\"slow\"")));
}

INSTANTIATE_TEST_SUITE_P(Policies, SlowReplayTest,
                         ::testing::Values(config::SlowPolicy::kDisconnect,
                                           config::SlowPolicy::kSkip, config::SlowPolicy::kLatest));

}  // namespace
}  // namespace sluice::pubsub
