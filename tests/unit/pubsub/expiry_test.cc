// Streams that end with their token.

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/pubsub/hub_fixture.h"

namespace sluice::pubsub {
namespace {

using ::testing::ElementsAre;

class ExpiryTest : public HubFixture {
 protected:
  void SetUp() override {
    HubFixture::SetUp();
    MakeHub(NewsTopic());
  }
};

TEST_F(ExpiryTest, StreamIsToldAndEndedAtItsTimeAndOthersGoOn) {
  const auto stays = Join();
  expires_in_ms = 10'000;
  const auto goes = Join();
  Publish("one");
  loop.Advance(9'900);
  EXPECT_EQ(hub->subscribers(), 2U);
  loop.Advance(300);
  EXPECT_EQ(hub->subscribers(), 1U);
  EXPECT_EQ(expired, 1);
  const auto events = EventsOf(*goes);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].type, "sluice.expired");
  EXPECT_EQ(events[1].data, R"({"topic":"news"})");
  EXPECT_EQ(events[1].last_event_id, "ep.1");  // it resumes after what it has
  bool ended = false;
  Dechunk(goes->written(), &ended);
  EXPECT_TRUE(ended);
  EXPECT_TRUE(goes->destroyed());
  EXPECT_EQ(Closed(CloseReason::kExpired), 1U);
  Publish("two");
  EXPECT_THAT(Data(*stays), ElementsAre("one", "two"));
}

TEST_F(ExpiryTest, TokenThatIsOverAlreadyEndsTheStreamAtOnce) {
  expires_in_ms = 0;
  const auto peer = Join();
  loop.Advance(event::TimerWheel::kTickMs);
  EXPECT_EQ(hub->subscribers(), 0U);
  EXPECT_EQ(EventsOf(*peer).back().type, "sluice.expired");
}

TEST_F(ExpiryTest, FrameThatWasBegunIsFinishedFirst) {
  expires_in_ms = 1'000;
  const auto peer = Join();
  peer->SetBudget(20);
  Publish("a message that does not fit");
  Publish("one that it never begins");
  loop.Advance(1'200);
  EXPECT_EQ(hub->subscribers(), 1U);  // it has not taken its end yet
  EXPECT_EQ(expired, 1);
  peer->MakeWritable();
  loop.Turn();
  EXPECT_EQ(hub->subscribers(), 0U);
  const auto events = EventsOf(*peer);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].data, "a message that does not fit");
  EXPECT_EQ(events[1].type, "sluice.expired");
  EXPECT_EQ(events[1].last_event_id, "ep.1");
}

TEST_F(ExpiryTest, ClientThatLeavesEarlierIsForgotten) {
  expires_in_ms = 1'000;
  const auto peer = Join();
  peer->DeliverEnd();
  loop.Turn();
  EXPECT_EQ(hub->subscribers(), 0U);
  loop.Advance(2'000);
  EXPECT_EQ(expired, 0);
  EXPECT_EQ(Closed(CloseReason::kExpired), 0U);
}

TEST_F(ExpiryTest, DrainAndExpiryEndAStreamOnce) {
  expires_in_ms = 1'000;
  const auto peer = Join();
  peer->SetBudget(0);
  Publish("x");
  hub->Drain(0, [] {});
  loop.Advance(1'500);
  peer->MakeWritable();
  loop.Turn();
  EXPECT_EQ(Closed(CloseReason::kDrained), 1U);
  EXPECT_EQ(Closed(CloseReason::kExpired), 0U);
}

TEST_F(ExpiryTest, HubMayGoBeforeTheTime) {
  expires_in_ms = 1'000;
  const auto peer = Join();
  hub.reset();
  loop.Advance(2'000);
  EXPECT_EQ(expired, 0);
  EXPECT_TRUE(peer->destroyed());
}

}  // namespace
}  // namespace sluice::pubsub
