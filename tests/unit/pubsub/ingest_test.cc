#include "sluice/pubsub/ingest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/base/log.h"
#include "sluice/pubsub/memory_broker.h"
#include "support/fake_loop.h"
#include "support/test_catalog.h"

namespace sluice::pubsub {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A broker that the test plays.
class FakeBroker final : public Broker {
 public:
  explicit FakeBroker(BrokerHandler& events) : handler(events) {}
  void Start() override { started = true; }
  void Subscribe(std::string_view channel, const TopicEntryPtr&) override {
    subscribed.emplace_back(channel);
  }
  void Unsubscribe(std::string_view channel) override { unsubscribed.emplace_back(channel); }
  void Publish(std::string_view channel, std::string_view payload,
               std::function<void(Result<>)> done) override {
    published.emplace_back(std::string(channel), std::string(payload));
    publish_done = std::move(done);
  }
  [[nodiscard]] bool embedded() const override { return false; }

  BrokerHandler& handler;
  bool started = false;
  std::vector<std::string> subscribed;
  std::vector<std::string> unsubscribed;
  std::vector<std::pair<std::string, std::string>> published;
  std::function<void(Result<>)> publish_done;
};

class IngestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SetLogLevel(LogLevel::kOff);
    config_ = std::make_shared<config::Config>();
    config::Topic news;
    news.name = news.channel = "news";
    news.path = "/news";
    config_->topics.push_back(news);
    config::Topic room;
    room.name = "room";
    room.channel = "room:{id}";
    room.path = "/rooms/{id}";
    room.format = config::Format::kJson;
    room.filter = {"type"};
    room.max_topics = 2;
    config_->topics.push_back(room);
  }
  void TearDown() override {
    ingest_.reset();
    loop_.Turn();
    SetLogLevel(LogLevel::kInfo);
  }

  void Make(bool memory = false) {
    catalog_ = std::make_shared<testing::TestCatalog>(*config_);
    ingest_ = std::make_unique<Ingest>(loop_, catalog_,
                                       [&](BrokerHandler& handler) -> std::unique_ptr<Broker> {
                                         if (memory) return std::make_unique<MemoryBroker>(handler);
                                         auto broker = std::make_unique<FakeBroker>(handler);
                                         broker_ = broker.get();
                                         return broker;
                                       });
    ingest_->AddWorker(inboxes_[0]);
    ingest_->AddWorker(inboxes_[1]);
    ingest_->Start();
  }

  [[nodiscard]] const TopicEntryPtr& Entry(size_t index) const { return catalog_->entry(index); }
  void Do(IngestCommand command) {
    ingest_->inbox().Push(std::move(command));
    loop_.Turn();
  }
  std::vector<HubEvent> Take(size_t worker) {
    std::vector<HubEvent> events;
    inboxes_[worker].Drain([&events](HubEvent& event) { events.push_back(std::move(event)); });
    return events;
  }
  // The payloads of the frames that a worker was given.
  std::vector<std::string> Payloads(size_t worker) {
    std::vector<std::string> payloads;
    for (const HubEvent& event : Take(worker)) {
      if (const auto* frame = std::get_if<FrameEvent>(&event)) {
        payloads.emplace_back(frame->frame->payload());
      }
    }
    return payloads;
  }

  testing::FakeLoop loop_;
  std::shared_ptr<config::Config> config_;
  std::shared_ptr<testing::TestCatalog> catalog_;
  HubInbox inboxes_[2] = {HubInbox([] {}), HubInbox([] {})};
  std::unique_ptr<Ingest> ingest_;
  FakeBroker* broker_ = nullptr;
};

TEST_F(IngestTest, OneSubscriptionServesAllWorkers) {
  Make();
  Do(SubscribeCommand{0, Entry(0), "news"});
  Do(SubscribeCommand{1, Entry(0), "news"});
  EXPECT_THAT(broker_->subscribed, ElementsAre("news"));
  EXPECT_THAT(Take(0), IsEmpty()) << "not live before the broker's acknowledgement";
  broker_->handler.OnSubscribed("news");
  EXPECT_THAT(Take(0), SizeIs(1));
  EXPECT_THAT(Take(1), SizeIs(1));
}

TEST_F(IngestTest, MessageGoesOnlyToWorkersThatWantIt) {
  Make();
  Do(SubscribeCommand{0, Entry(0), "news"});
  broker_->handler.OnSubscribed("news");
  broker_->handler.OnMessage("news", "hello");
  EXPECT_THAT(Payloads(0), ElementsAre(HasSubstr("\ndata: hello\n\n")));
  EXPECT_THAT(Payloads(1), IsEmpty());
}

TEST_F(IngestTest, LaterWorkerStartsWithTheHistory) {
  Make();
  Do(SubscribeCommand{0, Entry(0), "news"});
  broker_->handler.OnSubscribed("news");
  broker_->handler.OnMessage("news", "one");
  broker_->handler.OnMessage("news", "two");
  Do(SubscribeCommand{1, Entry(0), "news"});
  const auto events = Take(1);
  ASSERT_THAT(events, SizeIs(1));
  const auto& live = std::get<LiveEvent>(events[0]);
  EXPECT_THAT(live.backlog, SizeIs(2));
  EXPECT_EQ(live.next, 3U);
}

TEST_F(IngestTest, LastWorkerThatLeavesUnsubscribes) {
  Make();
  Do(SubscribeCommand{0, Entry(0), "news"});
  Do(SubscribeCommand{1, Entry(0), "news"});
  Do(UnsubscribeCommand{0, "news"});
  EXPECT_THAT(broker_->unsubscribed, IsEmpty());
  Do(UnsubscribeCommand{1, "news"});
  EXPECT_THAT(broker_->unsubscribed, ElementsAre("news"));
}

TEST_F(IngestTest, EpochChangesWhenAChannelWasAway) {
  Make();
  const auto epoch = [this] {
    Do(SubscribeCommand{0, Entry(0), "news"});
    broker_->handler.OnSubscribed("news");
    const auto events = Take(0);
    Do(UnsubscribeCommand{0, "news"});
    return std::get<LiveEvent>(events.at(0)).epoch;
  };
  EXPECT_NE(epoch(), epoch());
}

TEST_F(IngestTest, LostLinkIsToldAndLeavesAGapInTheHistory) {
  Make();
  Do(SubscribeCommand{0, Entry(0), "news"});
  broker_->handler.OnSubscribed("news");
  broker_->handler.OnMessage("news", "before");
  Take(0);
  broker_->handler.OnSourceDown();
  auto events = Take(0);
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_TRUE(std::holds_alternative<SourceDownEvent>(events[0]));
  broker_->handler.OnSubscribed("news");
  events = Take(0);
  ASSERT_THAT(events, SizeIs(2));
  const FrameRef gap = std::get<FrameEvent>(events[0]).frame;
  EXPECT_TRUE(gap->gap());
  EXPECT_THAT(gap->payload(), HasSubstr("\"reason\":\"source_lost\""));
  EXPECT_EQ(std::get<LiveEvent>(events[1]).next, 3U);
}

TEST_F(IngestTest, FailedAttemptsToReconnectAreToldOnce) {
  Make();
  Do(SubscribeCommand{0, Entry(0), "news"});
  broker_->handler.OnSubscribed("news");
  Take(0);
  broker_->handler.OnSourceDown();
  broker_->handler.OnSourceDown();
  EXPECT_THAT(Take(0), SizeIs(1));
}

TEST_F(IngestTest, OversizedMessageIsCountedAndTold) {
  Make();
  Do(SubscribeCommand{0, Entry(0), "news"});
  broker_->handler.OnSubscribed("news");
  Take(0);
  broker_->handler.OnOversized("news", 64 * 1024 * 1024);
  EXPECT_THAT(Payloads(0), ElementsAre(HasSubstr("\"reason\":\"too_large\"")));
  EXPECT_EQ(catalog_->counters(0).dropped.Get(), 1U);
}

TEST_F(IngestTest, MessageThatIsNotOfTheFormatIsCountedAndNotDelivered) {
  Make();
  Do(SubscribeCommand{0, Entry(1), "room:1"});
  broker_->handler.OnSubscribed("room:1");
  Take(0);
  broker_->handler.OnMessage("room:1", "{broken");
  EXPECT_THAT(Payloads(0), IsEmpty());
  EXPECT_EQ(catalog_->counters(1).dropped.Get(), 1U);
}

TEST_F(IngestTest, TopicsOfAPatternAreLimited) {
  Make();
  Do(SubscribeCommand{0, Entry(1), "room:1"});
  Do(SubscribeCommand{0, Entry(1), "room:2"});
  Do(SubscribeCommand{0, Entry(1), "room:3"});
  const auto events = Take(0);
  ASSERT_THAT(events, SizeIs(1));
  const auto& refused = std::get<RefusedEvent>(events[0]);
  EXPECT_EQ(refused.channel, "room:3");
  EXPECT_EQ(refused.error.code, Errc::kLimit);
  Do(UnsubscribeCommand{0, "room:1"});
  Do(SubscribeCommand{0, Entry(1), "room:3"});
  EXPECT_THAT(broker_->subscribed, ElementsAre("room:1", "room:2", "room:3"));
}

TEST_F(IngestTest, RefusedSubscriptionIsToldToTheWorkers) {
  Make();
  Do(SubscribeCommand{0, Entry(0), "news"});
  broker_->handler.OnSubscribeFailed("news", "NOPERM");
  const auto events = Take(0);
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(std::get<RefusedEvent>(events[0]).error.code, Errc::kUnavailable);
}

TEST_F(IngestTest, PublishThroughASharedBrokerCarriesItsIdEverywhere) {
  Make();
  Do(SubscribeCommand{0, Entry(0), "news"});
  broker_->handler.OnSubscribed("news");
  Take(0);
  Do(PublishCommand{0, 5, Entry(0), "news", "alert", "", "line 1\nline \"2\""});
  ASSERT_THAT(broker_->published, SizeIs(1));
  EXPECT_THAT(Take(0), IsEmpty()) << "answered when the broker took it";
  broker_->publish_done({});
  const auto events = Take(0);
  const auto& reply = std::get<PublishedEvent>(events.at(0));
  EXPECT_EQ(reply.ticket, 5U);
  ASSERT_TRUE(reply.id.has_value());
  broker_->handler.OnMessage("news", broker_->published[0].second);
  EXPECT_THAT(Payloads(0), ElementsAre("id: " + *reply.id +
                                       "\nevent: alert\ndata: line 1\ndata: line \"2\"\n\n"));
}

TEST_F(IngestTest, FailedPublishIsAnswered) {
  Make();
  Do(PublishCommand{1, 5, Entry(0), "news", "", "", "x"});
  broker_->publish_done(Fail(Errc::kUnavailable, "down"));
  const auto events = Take(1);
  EXPECT_EQ(std::get<PublishedEvent>(events.at(0)).id.error().message, "down");
  EXPECT_EQ(ingest_->stats().publish_failures.Get(), 1U);
}

TEST_F(IngestTest, MemoryBrokerKeepsWhatIsPublishedBeforeAnyoneSubscribes) {
  Make(true);
  Do(PublishCommand{0, 1, Entry(0), "news", "", "", "early"});
  Take(0);
  Do(SubscribeCommand{0, Entry(0), "news"});
  const auto events = Take(0);
  const auto& live = std::get<LiveEvent>(events.at(0));
  ASSERT_THAT(live.backlog, SizeIs(1));
  EXPECT_THAT(live.backlog[0]->payload(), HasSubstr("data: early"));
}

TEST_F(IngestTest, MemoryBrokerAnswersWithTheEventsId) {
  Make(true);
  Do(PublishCommand{0, 1, Entry(0), "news", "", "my-id", "x"});
  Do(PublishCommand{0, 2, Entry(0), "news", "", "", "y"});
  const auto events = Take(0);
  EXPECT_EQ(*std::get<PublishedEvent>(events.at(0)).id, "my-id");
  EXPECT_THAT(*std::get<PublishedEvent>(events.at(1)).id, ::testing::EndsWith(".2"));
}

TEST_F(IngestTest, MemoryBrokerForgetsChannelsWhoseHistoryAgedAway) {
  config_->topics[1].history.age_ms = 10'000;
  Make(true);
  Do(PublishCommand{0, 1, Entry(1), "room:1", "", "", "{}"});
  Do(PublishCommand{0, 2, Entry(1), "room:2", "", "", "{}"});
  Do(PublishCommand{0, 3, Entry(1), "room:3", "", "", "{}"});
  const auto events = Take(0);
  EXPECT_EQ(std::get<PublishedEvent>(events.at(2)).id.error().code, Errc::kLimit);
  loop_.Advance(20'000);
  EXPECT_EQ(ingest_->stats().channels.Get(), 0U);
  Do(PublishCommand{0, 4, Entry(1), "room:3", "", "", "{}"});
  EXPECT_TRUE(std::get<PublishedEvent>(Take(0).at(0)).id.has_value());
}

TEST_F(IngestTest, PublishOfBrokenJsonToAJsonTopicIsRefused) {
  Make();
  Do(PublishCommand{0, 1, Entry(1), "room:1", "", "", "{broken"});
  EXPECT_THAT(broker_->published, IsEmpty());
  EXPECT_EQ(std::get<PublishedEvent>(Take(0).at(0)).id.error().code, Errc::kInvalid);
}

TEST_F(IngestTest, FilterFieldsOfAPublishedMessageReachTheFrame) {
  Make(true);
  Do(SubscribeCommand{0, Entry(1), "room:1"});
  Take(0);
  Do(PublishCommand{0, 1, Entry(1), "room:1", "", "", R"({"type":"alert"})"});
  for (const HubEvent& event : Take(0)) {
    if (const auto* frame = std::get_if<FrameEvent>(&event)) {
      ASSERT_NE(frame->frame->field(0), nullptr);
      EXPECT_EQ(*frame->frame->field(0), "alert");
      return;
    }
  }
  FAIL() << "no frame";
}

class IngestOwnMessageTest : public IngestTest {
 protected:
  void SetUp() override {
    IngestTest::SetUp();
    config_->topics[0].source = config::Source::kMetrics;
    config_->topics[0].history.age_ms = 10'000;
    Make();
  }
};

TEST_F(IngestOwnMessageTest, GoesToSubscribersWithoutTheBroker) {
  Do(SubscribeCommand{0, Entry(0), "news"});
  EXPECT_TRUE(std::holds_alternative<LiveEvent>(Take(0).at(0)));
  Do(OwnMessageCommand{Entry(0), "{}"});
  EXPECT_THAT(Payloads(0), ElementsAre(HasSubstr("\ndata: {}\n\n")));
  EXPECT_EQ(catalog_->counters(0).events.Get(), 1U);
  EXPECT_THAT(broker_->subscribed, IsEmpty());
  EXPECT_THAT(broker_->published, IsEmpty());
}

TEST_F(IngestOwnMessageTest, IsKeptForWhoComesLaterUntilItHasAged) {
  Do(OwnMessageCommand{Entry(0), "1"});
  Do(SubscribeCommand{0, Entry(0), "news"});
  EXPECT_THAT(std::get<LiveEvent>(Take(0).at(0)).backlog, SizeIs(1));
  Do(UnsubscribeCommand{0, "news"});
  EXPECT_EQ(ingest_->stats().channels.Get(), 1U);
  loop_.Advance(20'000);
  EXPECT_EQ(ingest_->stats().channels.Get(), 0U);
  EXPECT_THAT(broker_->unsubscribed, IsEmpty());
}

TEST_F(IngestOwnMessageTest, TopicStaysLiveWhileTheBrokerIsDown) {
  Do(SubscribeCommand{0, Entry(0), "news"});
  Take(0);
  broker_->handler.OnSourceDown();
  Do(OwnMessageCommand{Entry(0), "{}"});
  EXPECT_THAT(Payloads(0), SizeIs(1));
  Do(SubscribeCommand{1, Entry(0), "news"});
  EXPECT_TRUE(std::holds_alternative<LiveEvent>(Take(1).at(0)));
}

}  // namespace
}  // namespace sluice::pubsub
