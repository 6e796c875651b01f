// What a hub does when a source says that nothing more will come.

#include "unit/pubsub/hub_fixture.h"

namespace sluice::pubsub {
namespace {

using ::testing::ElementsAre;

class HubEndedTest : public HubFixture {
 protected:
  void End() {
    hub->inbox().Push(EndedEvent{"news"});
    loop.Turn();
  }
  std::optional<Error> Ask() {
    TestWaiter waiter([](Topic&) { FAIL() << "let in"; });
    hub->Await(catalog->entry(), "news", waiter);
    return waiter.refused;
  }
};

TEST_F(HubEndedTest, StreamsEndCleanlyAfterTheLastEvent) {
  MakeHub(NewsTopic());
  const auto peer = Join();
  Push("last");
  End();
  loop.Advance(1'000);
  EXPECT_THAT(Data(*peer), ElementsAre("last"));
  bool ended = false;
  EXPECT_THAT(Dechunk(peer->written(), &ended), ::testing::HasSubstr("retry: "));
  EXPECT_TRUE(ended);
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(Closed(CloseReason::kSourceEnded), 1U);
}

TEST_F(HubEndedTest, WhoIsSlowGetsEverythingFirst) {
  MakeHub(NewsTopic());
  const auto slow = Join();
  slow->SetBudget(0);
  Publish("one");
  Publish("two");
  End();
  loop.Advance(5'000);
  EXPECT_FALSE(slow->destroyed());
  slow->MakeWritable();
  loop.Advance(1'000);
  EXPECT_THAT(Data(*slow), ElementsAre("one", "two"));
  EXPECT_EQ(Closed(CloseReason::kSourceEnded), 1U);
}

TEST_F(HubEndedTest, WhoComesLaterIsToldToStayAwayUntilTheTopicIsForgotten) {
  MakeHub(NewsTopic());
  const auto peer = Join();
  End();
  loop.Advance(1'000);
  ASSERT_TRUE(Ask());
  EXPECT_EQ(Ask()->code, Errc::kEnded);
  (void)TakeCommands();
  loop.Advance(31'000);
  EXPECT_FALSE(Ask()) << "the source is asked again";
  const auto commands = TakeCommands();
  ASSERT_EQ(commands.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<UnsubscribeCommand>(commands[0]));
  EXPECT_TRUE(std::holds_alternative<SubscribeCommand>(commands[1]));
}

TEST_F(HubEndedTest, WhoWaitsIsRefused) {
  MakeHub(NewsTopic());
  TestWaiter waiter([](Topic&) { FAIL() << "let in"; });
  hub->Await(catalog->entry(), "news", waiter);
  EXPECT_FALSE(waiter.refused);
  End();
  ASSERT_TRUE(waiter.refused);
  EXPECT_EQ(waiter.refused->code, Errc::kEnded);
}

TEST_F(HubEndedTest, ManyStreamsEndInSlices) {
  slice_sends = 10;
  MakeHub(NewsTopic());
  std::vector<std::shared_ptr<testing::FakePeer>> peers;
  for (int i = 0; i < 25; ++i) peers.push_back(Join());
  End();
  loop.Advance(1'000);
  EXPECT_EQ(Closed(CloseReason::kSourceEnded), 10U);
  loop.Advance(2'000);
  EXPECT_EQ(Closed(CloseReason::kSourceEnded), 25U);
}

TEST_F(HubEndedTest, OneChannelThatIsDownLeavesTheOthersAlone) {
  MakeHub(NewsTopic());
  const auto peer = Join();
  hub->inbox().Push(SourceDownEvent{"another"});
  loop.Turn();
  Join();  // at once
  hub->inbox().Push(SourceDownEvent{"news"});
  loop.Turn();
  EXPECT_FALSE(Ask()) << "waits until it is live again";
  EXPECT_FALSE(peer->destroyed());
}

}  // namespace
}  // namespace sluice::pubsub
