// A hub, and the ingest thread's part, when a reload gives them another catalog.
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/pubsub/ingest.h"
#include "sluice/pubsub/memory_broker.h"
#include "unit/pubsub/hub_fixture.h"

namespace sluice::pubsub {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(TopicChangeTest, WhatMattersEndsStreams) {
  config::Topic before;
  before.name = before.channel = "news";
  before.path = "/news";
  EXPECT_EQ(ChangeOf(before, before), TopicChange::kNone);

  const auto after = [&](const std::function<void(config::Topic&)>& edit) {
    config::Topic topic = before;
    edit(topic);
    return ChangeOf(before, topic);
  };
  const auto settings = TopicChange::kSettings;
  EXPECT_EQ(after([](auto& t) { t.heartbeat_ms = 1; }), settings);
  EXPECT_EQ(after([](auto& t) { t.max_subscribers = 1; }), settings);
  EXPECT_EQ(after([](auto& t) { t.history.events = 1; }), settings);
  EXPECT_EQ(after([](auto& t) { t.path = "/other"; }), settings);
  EXPECT_EQ(after([](auto& t) { t.auth = "members"; }), TopicChange::kAccess);
  EXPECT_EQ(after([](auto& t) { t.auth_request.emplace(); }), TopicChange::kAccess);
  EXPECT_EQ(after([](auto& t) { t.internal = true; }), TopicChange::kAccess);
  EXPECT_EQ(after([](auto& t) { t.channel = "other"; }), TopicChange::kIdentity);
  EXPECT_EQ(after([](auto& t) { t.filter = {"type"}; }), TopicChange::kIdentity);
  EXPECT_EQ(after([](auto& t) { t.source = config::Source::kMetrics; }), TopicChange::kIdentity);

  before.auth = "members";
  before.internal = true;
  EXPECT_EQ(after([](auto& t) { t.auth = "others"; }), TopicChange::kAccess);
  EXPECT_EQ(after([](auto& t) { t.auth.clear(); }), settings) << "whoever is in may stay";
  EXPECT_EQ(after([](auto& t) { t.internal = false; }), settings);
}

class HubReloadTest : public HubFixture {
 protected:
  // Reloads with the topic as `edit` leaves it; without `edit` it is gone.
  void Reload(const std::function<void(config::Topic&)>& edit) {
    config::Config next;
    if (edit) {
      config::Topic topic = catalog->entry()->config;
      edit(topic);
      next.topics.push_back(topic);
    }
    latest = catalog->After(std::move(next));
    hub->SetCatalog(latest);
  }
  [[nodiscard]] static bool Ended(const testing::FakePeer& peer) {
    bool ended = false;
    Dechunk(peer.written(), &ended);
    return ended && peer.destroyed();
  }

  std::shared_ptr<testing::TestCatalog> latest;
};

TEST_F(HubReloadTest, UnchangedTopicNoticesNothing) {
  MakeHub(NewsTopic());
  const auto peer = Join();
  Publish("before");
  TakeCommands();
  Reload([](config::Topic&) {});
  Publish("after");
  EXPECT_THAT(Data(*peer), ElementsAre("before", "after"));
  EXPECT_THAT(TakeCommands(), IsEmpty());
  EXPECT_EQ(latest->entry(), catalog->entry()) << "it is the same entry";
}

TEST_F(HubReloadTest, SettingsApplyToOpenStreams) {
  MakeHub(NewsTopic());
  const auto peer = Join();
  Publish("one");
  Publish("two");
  Reload([](config::Topic& topic) {
    topic.heartbeat_ms = 1'000;
    topic.max_subscribers = 1;
    topic.history.events = 1;
  });
  Publish("three");
  EXPECT_THAT(Data(*peer), ElementsAre("one", "two", "three"));
  const std::string before = peer->written();
  for (int second = 0; second < 3; ++second) loop.Advance(1'000);
  EXPECT_GT(peer->written().size(), before.size()) << "the new heartbeat";
  Result<> room;
  uint64_t kept = 0;
  TestWaiter waiter([&](Topic& live) {
    room = hub->CheckRoom(live);
    kept = live.ring.size();
  });
  hub->Await(latest->entry(), "news", waiter);
  EXPECT_FALSE(room.has_value());
  EXPECT_EQ(kept, 1U);
  EXPECT_EQ(topic_stats().subscribers.Get(), 1U) << "it is counted where it was";
}

TEST_F(HubReloadTest, StreamsOfARemovedTopicEndCleanly) {
  MakeHub(NewsTopic());
  const auto caught_up = Join();
  const auto behind = Join();
  Publish("one");
  behind->SetBudget(10);
  Publish("two");
  TakeCommands();
  Reload(nullptr);
  loop.Advance(20);
  EXPECT_TRUE(Ended(*caught_up));
  EXPECT_THAT(Dechunk(caught_up->written()), HasSubstr("retry: "));
  EXPECT_FALSE(behind->destroyed()) << "it has to take its end";
  behind->MakeWritable();
  EXPECT_TRUE(Ended(*behind));
  EXPECT_THAT(Data(*behind), ElementsAre("one", "two")) << "what was begun is finished";
  EXPECT_EQ(Closed(CloseReason::kReloaded), 2U);
  EXPECT_EQ(topic_stats().subscribers.Get(), 0U);
  EXPECT_EQ(topic_stats().topics.Get(), 0U);
  const auto commands = TakeCommands();
  ASSERT_THAT(commands, SizeIs(1));
  EXPECT_EQ(std::get<UnsubscribeCommand>(commands[0]).channel, "news");
  TestWaiter waiter([](Topic&) { ADD_FAILURE() << "there is no such topic"; });
  hub->Await(catalog->entry(), "news", waiter);
  EXPECT_TRUE(waiter.refused.has_value());
}

TEST_F(HubReloadTest, OneThatTakesNothingIsCutInTheEnd) {
  MakeHub(NewsTopic());
  const auto stuck = Join();
  stuck->SetBudget(0);
  Publish("one");
  Reload(nullptr);
  loop.Advance(20'000);
  EXPECT_FALSE(stuck->destroyed());
  loop.Advance(15'000);
  EXPECT_TRUE(stuck->destroyed());
  EXPECT_EQ(hub->subscribers(), 0U);
}

TEST_F(HubReloadTest, ClosedDoorsEndStreamsAndKeepTheHistory) {
  MakeHub(NewsTopic());
  const auto old = Join();
  Publish("one");
  TakeCommands();
  Reload([](config::Topic& topic) { topic.auth = "members"; });
  EXPECT_THAT(TakeCommands(), IsEmpty()) << "the channel stays subscribed";
  Push("two");  // before the old streams have ended
  catalog = latest;
  const auto returned = Join({}, "ep.1");
  loop.Advance(20);
  EXPECT_TRUE(Ended(*old));
  EXPECT_THAT(Data(*old), ElementsAre("one"));
  Publish("three");
  EXPECT_THAT(Data(*returned), ElementsAre("two", "three")) << "nothing between was lost";
  EXPECT_EQ(Closed(CloseReason::kReloaded), 1U);
  EXPECT_EQ(total->load(), 1U);
}

TEST_F(HubReloadTest, AnotherChannelOfTheSameNameBeginsAnew) {
  MakeHub(NewsTopic());
  const auto old = Join();
  TakeCommands();
  Reload([](config::Topic& topic) { topic.filter = {"type"}; });
  catalog = latest;
  TestWaiter waiter([](Topic&) {});
  hub->Await(catalog->entry(), "news", waiter);
  const auto commands = TakeCommands();
  ASSERT_THAT(commands, SizeIs(2));
  EXPECT_TRUE(std::holds_alternative<UnsubscribeCommand>(commands[0]));
  EXPECT_EQ(std::get<SubscribeCommand>(commands[1]).entry, latest->entry());
  loop.Advance(20);
  EXPECT_TRUE(Ended(*old));
}

TEST_F(HubReloadTest, WaitersOfAChangedTopicAreRefused) {
  MakeHub(NewsTopic());
  TestWaiter waiter([](Topic&) { ADD_FAILURE() << "let in by what was"; });
  hub->Await(catalog->entry(), "news", waiter);
  Reload([](config::Topic& topic) { topic.auth = "members"; });
  ASSERT_TRUE(waiter.refused.has_value());
  EXPECT_EQ(waiter.refused->code, Errc::kClosed);
  // And one that was let in before, and asks only now.
  TestWaiter late([](Topic&) { ADD_FAILURE() << "let in by what was"; });
  hub->Await(catalog->entry(), "news", late);
  EXPECT_TRUE(late.refused.has_value());
}

TEST_F(HubReloadTest, ManyStreamsEndInSlices) {
  slice_sends = 4;
  MakeHub(NewsTopic());
  std::vector<std::shared_ptr<testing::FakePeer>> peers;
  for (int i = 0; i < 10; ++i) peers.push_back(Join());
  Reload(nullptr);
  loop.Advance(0);
  EXPECT_EQ(hub->subscribers(), 6U);
  loop.Advance(20);
  EXPECT_EQ(hub->subscribers(), 2U);
  loop.Advance(20);
  EXPECT_EQ(hub->subscribers(), 0U);
  for (const auto& peer : peers) EXPECT_TRUE(Ended(*peer));
}

TEST_F(HubReloadTest, StoppingCutsWhatAReloadHasNotEndedYet) {
  MakeHub(NewsTopic());
  const auto peer = Join();
  peer->SetBudget(0);
  Reload(nullptr);
  loop.Advance(20);
  hub->CloseAll(CloseReason::kStopped);
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(hub->subscribers(), 0U);
}

class IngestReloadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SetLogLevel(LogLevel::kOff);
    config::Topic room;
    room.name = "room";
    room.channel = "room:{id}";
    config.topics.push_back(room);
    catalog = std::make_shared<testing::TestCatalog>(config);
    ingest = std::make_unique<Ingest>(loop, catalog, [](BrokerHandler& events) {
      return std::make_unique<MemoryBroker>(events);
    });
    ingest->AddWorker(inbox);
    ingest->Start();
  }
  void TearDown() override {
    ingest.reset();
    loop.Turn();
    SetLogLevel(LogLevel::kInfo);
  }
  void Reload() {
    latest = catalog->After(config);
    ingest->SetCatalog(latest);
  }
  void Do(IngestCommand command) {
    ingest->inbox().Push(std::move(command));
    loop.Turn();
  }
  template <class Event>
  std::optional<Event> Last() {
    std::optional<Event> last;
    inbox.Drain([&last](HubEvent& event) {
      if (auto* found = std::get_if<Event>(&event)) last = std::move(*found);
    });
    return last;
  }

  testing::FakeLoop loop;
  config::Config config;
  std::shared_ptr<testing::TestCatalog> catalog;
  std::shared_ptr<testing::TestCatalog> latest;
  HubInbox inbox{[] {}};
  std::unique_ptr<Ingest> ingest;
};

TEST_F(IngestReloadTest, SettingsKeepTheChannelAndItsIds) {
  Do(SubscribeCommand{0, catalog->entry(), "room:1"});
  Do(PublishCommand{0, 1, catalog->entry(), "room:1", "", "", "one"});
  const auto before = Last<FrameEvent>();
  config.topics[0].history.events = 1;
  Reload();
  Do(PublishCommand{0, 2, latest->entry(), "room:1", "", "", "two"});
  const auto after = Last<FrameEvent>();
  ASSERT_TRUE(before && after);
  EXPECT_EQ(after->channel_id, before->channel_id);
  EXPECT_EQ(after->frame->sequence(), before->frame->sequence() + 1);
  Do(SubscribeCommand{0, catalog->entry(), "room:1"});  // of a worker that has not heard of it yet
  const auto live = Last<LiveEvent>();
  ASSERT_TRUE(live.has_value());
  EXPECT_THAT(live->backlog, SizeIs(1)) << "the new limit";
  EXPECT_EQ(catalog->counters().events.Get(), 2U);
}

TEST_F(IngestReloadTest, WhoAsksForWhatIsGoneIsRefused) {
  Do(SubscribeCommand{0, catalog->entry(), "room:1"});
  config.topics.clear();
  Reload();
  EXPECT_EQ(ingest->stats().channels.Get(), 0U);
  Do(SubscribeCommand{0, catalog->entry(), "room:1"});
  EXPECT_TRUE(Last<RefusedEvent>().has_value());
  Do(PublishCommand{0, 3, catalog->entry(), "room:1", "", "", "late"});
  const auto published = Last<PublishedEvent>();
  ASSERT_TRUE(published.has_value());
  EXPECT_FALSE(published->id.has_value());
  EXPECT_EQ(ingest->stats().channels.Get(), 0U);
}

TEST_F(IngestReloadTest, AnotherIdentityIsAnotherChannel) {
  Do(SubscribeCommand{0, catalog->entry(), "room:1"});
  const auto before = Last<LiveEvent>();
  config.topics[0].format = config::Format::kJson;
  config.topics[0].filter = {"type"};
  config.topics[0].max_topics = 1;
  Reload();
  Do(UnsubscribeCommand{0, "room:1"});
  Do(SubscribeCommand{0, latest->entry(), "room:1"});
  const auto after = Last<LiveEvent>();
  ASSERT_TRUE(before && after);
  EXPECT_NE(after->epoch, before->epoch);
  EXPECT_NE(after->channel_id, before->channel_id);
}

}  // namespace
}  // namespace sluice::pubsub
