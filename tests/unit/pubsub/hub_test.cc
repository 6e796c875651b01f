#include "hub_fixture.h"

namespace sluice::pubsub {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class HubTest : public HubFixture {};

TEST_F(HubTest, FirstSubscriberSubscribesTheChannelAndIsAttachedOnlyWhenItIsLive) {
  MakeHub(NewsTopic());
  bool live = false;
  TestWaiter waiter([&live](Topic&) { live = true; });
  hub->Await(catalog->entry(), "news", waiter);
  const std::vector<IngestCommand> commands = TakeCommands();
  ASSERT_THAT(commands, SizeIs(1));
  EXPECT_EQ(std::get<SubscribeCommand>(commands[0]).channel, "news");
  loop.Turn();
  EXPECT_FALSE(live);
  hub->inbox().Push(Live());
  loop.Turn();
  EXPECT_TRUE(live);
}

TEST_F(HubTest, EventReachesAllSubscribersWithOneWriteEach) {
  MakeHub(NewsTopic());
  const auto a = Join();
  const auto b = Join();
  Push("one");
  Push("two");
  const size_t before = a->write_calls();
  loop.Turn();
  EXPECT_EQ(a->write_calls(), before + 1);
  EXPECT_THAT(Data(*a), ElementsAre("one", "two"));
  EXPECT_THAT(Data(*b), ElementsAre("one", "two"));
  EXPECT_EQ(hub->stats().deliveries.Get(), 4U);
}

TEST_F(HubTest, PlainFramingGetsThePayloadWithoutChunks) {
  MakeHub(NewsTopic());
  const auto peer = Join({}, "", Framing::kPlain);
  Publish("x");
  EXPECT_EQ(peer->written(), "id: ep.1\ndata: x\n\n");
}

TEST_F(HubTest, ShortWriteIsContinuedWithoutLossOrDuplicate) {
  MakeHub(NewsTopic());
  const auto peer = Join({}, "", Framing::kChunked, 5);
  Publish("first");
  Publish("second");
  EXPECT_TRUE(peer->wants_writable());
  EXPECT_EQ(hub->stats().behind.Get(), 1U);
  for (int i = 0; i < 30 && peer->wants_writable(); ++i) peer->MakeWritable(3);
  EXPECT_THAT(Data(*peer), ElementsAre("first", "second"));
  EXPECT_EQ(hub->stats().behind.Get(), 0U);
  Publish("third");
  peer->MakeWritable();
  EXPECT_THAT(Data(*peer), ElementsAre("first", "second", "third"));
}

TEST_F(HubTest, FilteredSubscriberGetsMatchingEventsOnly) {
  config::Topic topic = NewsTopic();
  topic.filter = {"type"};
  MakeHub(topic);
  const auto alerts = Join(Filter{{"alert"}});
  const auto all = Join();
  Publish("a", "alert");
  Publish("b", "chat");
  Publish("c");
  Publish("d", "alert");
  EXPECT_THAT(Data(*alerts), ElementsAre("a", "d"));
  EXPECT_THAT(Data(*all), ElementsAre("a", "b", "c", "d"));
}

TEST_F(HubTest, FilteredSubscriberThatFellBehindCatchesUpWithMatchingEventsOnly) {
  config::Topic topic = NewsTopic();
  topic.filter = {"type"};
  MakeHub(topic);
  const auto alerts = Join(Filter{{"alert"}}, "", Framing::kChunked, 4);
  Publish("a", "alert");
  Publish("b", "chat");
  Publish("c", "alert");
  Publish("d", "chat");
  alerts->MakeWritable();
  EXPECT_THAT(Data(*alerts), ElementsAre("a", "c"));
  Publish("e", "alert");
  EXPECT_THAT(Data(*alerts), ElementsAre("a", "c", "e"));
  EXPECT_FALSE(alerts->wants_writable());
}

TEST_F(HubTest, ResumeReplaysWhatCameAfterTheId) {
  MakeHub(NewsTopic());
  const auto keep = Join();
  Publish("one");
  Publish("two");
  Publish("three");
  const auto back = Join({}, "ep.1");
  EXPECT_THAT(Data(*back), ElementsAre("two", "three"));
  const auto current = Join({}, "ep.3");
  EXPECT_THAT(Data(*current), IsEmpty());
}

TEST_F(HubTest, ResumeByAPublishersOwnId) {
  MakeHub(NewsTopic());
  const auto keep = Join();
  Publish("one", std::nullopt, "order-1");
  Publish("two", std::nullopt, "order-2");
  const auto back = Join({}, "order-1");
  EXPECT_THAT(Data(*back), ElementsAre("two"));
}

TEST_F(HubTest, UnknownIdIsToldAndGetsTheWholeHistory) {
  MakeHub(NewsTopic());
  const auto keep = Join();
  Publish("one");
  const auto back = Join({}, "other.9");
  const auto events = EventsOf(*back);
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].type, "sluice.gap");
  EXPECT_EQ(events[0].data, R"({"topic":"news","reason":"unknown_id","last_id":"other.9"})");
  EXPECT_EQ(events[0].last_event_id, "ep.0") << "an id with which a further resume loses nothing";
  EXPECT_EQ(events[1].data, "one");
}

TEST_F(HubTest, IdFromTheFutureIsUnknown) {
  MakeHub(NewsTopic());
  const auto back = Join({}, "ep.12");
  ASSERT_THAT(EventsOf(*back), SizeIs(1));
  EXPECT_THAT(EventsOf(*back)[0].data, HasSubstr("unknown_id"));
}

TEST_F(HubTest, EvictedIdIsToldAndGetsWhatIsLeft) {
  config::Topic topic = NewsTopic();
  topic.history.events = 2;
  MakeHub(topic);
  const auto keep = Join();
  for (const char* data : {"1", "2", "3", "4"}) Publish(data);
  const auto back = Join({}, "ep.1");
  const auto events = EventsOf(*back);
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_EQ(events[0].data, R"({"topic":"news","reason":"evicted","last_id":"ep.1"})");
  EXPECT_EQ(events[1].data, "3");
  EXPECT_EQ(events[2].data, "4");
}

TEST_F(HubTest, NewcomerGetsTheLatestMatchingEvents) {
  config::Topic topic = NewsTopic();
  topic.filter = {"type"};
  topic.replay_initial = 2;
  MakeHub(topic);
  const auto keep = Join();
  Publish("1", "a");
  Publish("2", "b");
  Publish("3", "a");
  Publish("4", "a");
  Publish("5", "b");
  EXPECT_THAT(Data(*Join()), ElementsAre("4", "5"));
  const uint64_t before = hub->stats().replayed.Get();
  EXPECT_THAT(Data(*Join(Filter{{"a"}})), ElementsAre("3", "4"));
  EXPECT_EQ(hub->stats().replayed.Get(), before + 2) << "what does not match is not replayed";
}

TEST_F(HubTest, BacklogOfTheIngestThreadServesResumeOnAFreshWorker) {
  MakeHub(NewsTopic());
  backlog.push_back(MakeFrame("one"));
  backlog.push_back(MakeFrame("two"));
  const auto back = Join({}, "ep.1");
  EXPECT_THAT(Data(*back), ElementsAre("two"));
}

TEST_F(HubTest, HeartbeatGoesToSilentStreamsOnly) {
  MakeHub(NewsTopic());
  const auto early = Join();
  loop.Advance(10'000);
  const auto late = Join();
  loop.Advance(6'000);
  EXPECT_EQ(Dechunk(early->written()), ":\n\n");
  EXPECT_EQ(late->written(), "");
  Publish("x");
  loop.Advance(12'000);
  EXPECT_EQ(Dechunk(late->written()), "id: ep.1\ndata: x\n\n") << "an event ends the silence";
  loop.Advance(4'000);
  EXPECT_THAT(Dechunk(late->written()), ::testing::EndsWith(":\n\n"));
}

TEST_F(HubTest, TornHeartbeatIsFinishedBeforeTheNextEvent) {
  MakeHub(NewsTopic());
  const auto peer = Join();
  peer->SetBudget(2);
  loop.Advance(16'000);
  EXPECT_EQ(peer->written(), "3\r");
  Publish("x");
  peer->MakeWritable();
  EXPECT_EQ(Dechunk(peer->written()), ":\n\nid: ep.1\ndata: x\n\n");
}

TEST_F(HubTest, ClosedConnectionsAreCountedByReason) {
  MakeHub(NewsTopic());
  const auto fin = Join();
  const auto rst = Join();
  const auto timeout = Join();
  const auto broken = Join();
  fin->DeliverEnd();
  rst->Kill(ECONNRESET);
  timeout->Kill(ETIMEDOUT);
  broken->FailWrites(EPIPE);
  Publish("x");
  EXPECT_EQ(Closed(CloseReason::kClientClosed), 1U);
  EXPECT_EQ(Closed(CloseReason::kClientReset), 2U);
  EXPECT_EQ(Closed(CloseReason::kClientTimeout), 1U);
  EXPECT_EQ(hub->subscribers(), 0U);
  EXPECT_EQ(total->load(), 0U);
  EXPECT_TRUE(broken->destroyed());
}

TEST_F(HubTest, TopicIsUnsubscribedWhenItsLingerHasPassed) {
  MakeHub(NewsTopic());
  const auto peer = Join();
  TakeCommands();
  peer->DeliverEnd();
  loop.Advance(29'000);
  EXPECT_THAT(TakeCommands(), IsEmpty());
  loop.Advance(3'000);
  const auto commands = TakeCommands();
  ASSERT_THAT(commands, SizeIs(1));
  EXPECT_EQ(std::get<UnsubscribeCommand>(commands[0]).channel, "news");
  EXPECT_EQ(topic_stats().topics.Get(), 0U);
}

TEST_F(HubTest, LingeringTopicServesAReturningClientWithoutAskingTheBroker) {
  MakeHub(NewsTopic());
  auto peer = Join();
  Publish("one");
  peer->DeliverEnd();
  Publish("two");
  TakeCommands();
  loop.Advance(20'000);
  peer = Join({}, "ep.1");
  EXPECT_THAT(Data(*peer), ElementsAre("two"));
  EXPECT_THAT(TakeCommands(), IsEmpty());
}

TEST_F(HubTest, NewcomerWaitsWhileTheSourceIsDown) {
  MakeHub(NewsTopic());
  const auto old = Join();
  hub->inbox().Push(SourceDownEvent{});
  loop.Turn();
  bool live = false;
  TestWaiter waiter([&live](Topic&) { live = true; });
  hub->Await(catalog->entry(), "news", waiter);
  loop.Turn();
  EXPECT_FALSE(live) << "200 means subscribed";
  hub->inbox().Push(Live());
  loop.Turn();
  EXPECT_TRUE(live);
  Publish("after");
  EXPECT_THAT(Data(*old), ElementsAre("after"));
}

TEST_F(HubTest, TopicWithoutBrokerStaysLiveWhileTheSourceIsDown) {
  config::Topic topic = NewsTopic();
  topic.source = config::Source::kMetrics;
  MakeHub(topic);
  const auto old = Join();
  hub->inbox().Push(SourceDownEvent{});
  loop.Turn();
  bool live = false;
  TestWaiter waiter([&live](Topic&) { live = true; });
  hub->Await(catalog->entry(), "news", waiter);
  EXPECT_TRUE(live);
}

TEST_F(HubTest, RefusalReachesWaitersAndForgetsTheTopic) {
  MakeHub(NewsTopic());
  TestWaiter waiter([](Topic&) { FAIL(); });
  hub->Await(catalog->entry(), "news", waiter);
  hub->inbox().Push(RefusedEvent{"news", {Errc::kLimit, "full"}});
  loop.Turn();
  ASSERT_TRUE(waiter.refused.has_value());
  EXPECT_EQ(waiter.refused->message, "full");
  EXPECT_EQ(topic_stats().topics.Get(), 0U);
}

TEST_F(HubTest, DestroyedWaiterIsNotCalled) {
  MakeHub(NewsTopic());
  auto waiter = std::make_unique<TestWaiter>([](Topic&) { FAIL(); });
  hub->Await(catalog->entry(), "news", *waiter);
  waiter.reset();
  hub->inbox().Push(Live());
  loop.Turn();
  EXPECT_EQ(hub->subscribers(), 0U);
}

TEST_F(HubTest, RoomEndsAtTheLimitsOfTopicAndProcess) {
  config::Topic topic = NewsTopic();
  topic.max_subscribers = 2;
  config::Config made;
  made.topics.push_back(topic);
  made.limits.subscribers = 3;
  MakeHub(std::move(made));
  const auto a = Join();
  const auto check = [this] {
    Result<> room;
    TestWaiter waiter([&](Topic& live) { room = hub->CheckRoom(live); });
    hub->Await(catalog->entry(), "news", waiter);
    return room;
  };
  EXPECT_TRUE(check().has_value());
  total->store(2);  // one of them on another worker
  EXPECT_EQ(check().error().code, Errc::kLimit);
  total->store(1);
  counts.subscribers.store(3);
  EXPECT_EQ(check().error().code, Errc::kLimit);
}

TEST_F(HubTest, DrainEndsEachStreamCleanlyAndSpreadOverTheTime) {
  MakeHub(NewsTopic());
  std::vector<std::shared_ptr<testing::FakePeer>> peers;
  for (int i = 0; i < 10; ++i) peers.push_back(Join());
  bool drained = false;
  hub->Drain(1'000, [&drained] { drained = true; });
  loop.Advance(500);
  EXPECT_GE(hub->subscribers(), 4U);
  EXPECT_LE(hub->subscribers(), 6U);
  EXPECT_FALSE(drained);
  loop.Advance(600);
  EXPECT_TRUE(drained);
  for (const auto& peer : peers) {
    bool ended = false;
    testing::SseDecoder decoder;
    decoder.Feed(Dechunk(peer->written(), &ended));
    EXPECT_TRUE(ended);
    EXPECT_TRUE(peer->destroyed());
    ASSERT_TRUE(decoder.retry_ms().has_value());
    EXPECT_GE(*decoder.retry_ms(), 3'000U);
    EXPECT_LE(*decoder.retry_ms(), 5'000U);
  }
  EXPECT_EQ(Closed(CloseReason::kDrained), 10U);
}

TEST_F(HubTest, DrainWaitsForASlowSubscribersFrame) {
  MakeHub(NewsTopic());
  const auto slow = Join({}, "", Framing::kChunked, 7);
  Publish("event");
  bool drained = false;
  hub->Drain(0, [&drained] { drained = true; });
  loop.Advance(100);
  EXPECT_FALSE(drained);
  slow->MakeWritable();
  loop.Advance(100);
  EXPECT_TRUE(drained);
  bool ended = false;
  EXPECT_EQ(Dechunk(slow->written(), &ended).substr(0, 25), "id: ep.1\ndata: event\n\nret");
  EXPECT_TRUE(ended);
}

TEST_F(HubTest, PublishAnswersItsCallerOnly) {
  MakeHub(NewsTopic());
  std::vector<std::string> ids;
  const auto collect = [&ids](Result<std::string> id) { ids.push_back(*id); };
  const uint64_t first = hub->Publish(0, "news", "", "", "a", collect);
  const uint64_t second = hub->Publish(0, "news", "", "", "b", collect);
  hub->ForgetPublish(first);
  hub->inbox().Push(PublishedEvent{first, std::string("x.1")});
  hub->inbox().Push(PublishedEvent{second, std::string("x.2")});
  loop.Turn();
  EXPECT_THAT(ids, ElementsAre("x.2"));
}

TEST_F(HubTest, LargeLaneIsServedInSlicesWithTurnsBetween) {
  MakeHub(NewsTopic());
  std::vector<std::shared_ptr<testing::FakePeer>> peers;
  for (size_t i = 0; i < Hub::kSliceSends + 10; ++i) peers.push_back(Join());
  Push("x");
  loop.Turn();
  const auto served = [&peers] {
    return static_cast<size_t>(
        std::count_if(peers.begin(), peers.end(), [](const auto& p) { return p->writes() > 0; }));
  };
  EXPECT_EQ(served(), Hub::kSliceSends);
  loop.Turn();
  EXPECT_EQ(served(), peers.size());
}

TEST_F(HubTest, LaneThatCannotKeepUpIsBoundedAndToldSo) {
  config::Topic topic = NewsTopic();
  topic.slow_policy = config::SlowPolicy::kSkip;
  topic.slow_buffer_bytes = 4 * 1024 * 1024;
  MakeHub(topic);
  const auto a = Join();
  const auto b = Join();
  const size_t megabyte = 1024 * 1024;
  for (int i = 0; i < 70; ++i) Push(std::to_string(i) + std::string(megabyte, '.'));
  do {
    loop.Turn();
  } while (loop.running_idles() > 0 || a->wants_writable() || b->wants_writable());
  for (const auto& peer : {a, b}) {
    const auto events = EventsOf(*peer);
    ASSERT_GE(events.size(), 2U);
    EXPECT_THAT(events.front().data, HasSubstr("\"slow\""));
    EXPECT_EQ(events.back().data.substr(0, 3), "69.");
    EXPECT_LT(peer->written().size(), Ring::kMaxPendingBytes);
  }
}

TEST_F(HubTest, GapOfTheSourceReachesEveryFilterAndIsCounted) {
  config::Topic topic = NewsTopic();
  topic.filter = {"type"};
  MakeHub(topic);
  const auto alerts = Join(Filter{{"alert"}});
  const uint64_t sequence = next_sequence++;
  hub->inbox().Push(FrameEvent{
      7,
      encoder.MakeGap("news", "source_lost", "ep.0",
                      {.epoch = "ep", .sequence = sequence, .received_ns = loop.NowNs()}),
      GapReason::kSourceLost});
  loop.Turn();
  ASSERT_THAT(EventsOf(*alerts), SizeIs(1));
  EXPECT_EQ(EventsOf(*alerts)[0].type, "sluice.gap");
  EXPECT_EQ(topic_stats().gaps[static_cast<size_t>(GapReason::kSourceLost)].Get(), 1U);
}

}  // namespace
}  // namespace sluice::pubsub
