// An ingest with two brokers: what the one says leaves the other's topics alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/base/log.h"
#include "sluice/pubsub/ingest.h"
#include "support/fake_loop.h"
#include "support/test_catalog.h"

namespace sluice::pubsub {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FakeBroker final : public Broker {
 public:
  explicit FakeBroker(BrokerHandler& events) : handler(events) {}
  void Start() override {}
  void Subscribe(std::string_view channel, const TopicEntryPtr& entry) override {
    subscribed.push_back(std::string(channel) + " of " + entry->config.name);
    if (refuses) handler.OnSubscribeFailed(channel, "not now");
  }
  void Unsubscribe(std::string_view channel) override { unsubscribed.emplace_back(channel); }
  void Publish(std::string_view, std::string_view, std::function<void(Result<>)>) override {}
  [[nodiscard]] bool embedded() const override { return false; }

  BrokerHandler& handler;
  std::vector<std::string> subscribed;
  std::vector<std::string> unsubscribed;
  bool refuses = false;
};

class IngestSourcesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SetLogLevel(LogLevel::kOff);
    config::Config config;
    config::Topic& news = config.topics.emplace_back();
    news.name = news.channel = "news";
    config::Topic& feed = config.topics.emplace_back();
    feed.name = "feed";
    feed.channel = "feed:{id}";
    feed.source = config::Source::kUpstream;
    feed.format = config::Format::kJson;
    feed.filter = {"type"};
    catalog_ = std::make_shared<testing::TestCatalog>(std::move(config));
    const auto into = [](FakeBroker*& broker) {
      return [&broker](BrokerHandler& handler) {
        auto made = std::make_unique<FakeBroker>(handler);
        broker = made.get();
        return made;
      };
    };
    ingest_ = std::make_unique<Ingest>(loop_, catalog_, into(broker_), into(upstreams_));
    ingest_->AddWorker(inboxes_[0]);
    ingest_->AddWorker(inboxes_[1]);
    ingest_->Start();
    Do(SubscribeCommand{0, catalog_->entry(0), "news"});
    Do(SubscribeCommand{0, catalog_->entry(1), "feed:1"});
    Do(SubscribeCommand{1, catalog_->entry(1), "feed:1"});
  }
  void TearDown() override {
    ingest_.reset();
    loop_.Turn();
    SetLogLevel(LogLevel::kInfo);
  }

  void Do(IngestCommand command) {
    ingest_->inbox().Push(std::move(command));
    loop_.Turn();
  }
  std::vector<HubEvent> Take(size_t worker) {
    std::vector<HubEvent> events;
    inboxes_[worker].Drain([&events](HubEvent& event) { events.push_back(std::move(event)); });
    return events;
  }
  // Of the frames that a worker was given.
  std::vector<FrameRef> Frames(size_t worker) {
    std::vector<FrameRef> frames;
    for (const HubEvent& event : Take(worker)) {
      if (const auto* frame = std::get_if<FrameEvent>(&event)) frames.push_back(frame->frame);
    }
    return frames;
  }
  static Message Event(std::string_view data, std::string_view id = {},
                       std::string_view name = {}) {
    Message message;
    message.data = data;
    message.id = id;
    message.event = name;
    return message;
  }

  testing::FakeLoop loop_;
  std::shared_ptr<testing::TestCatalog> catalog_;
  HubInbox inboxes_[2] = {HubInbox([] {}), HubInbox([] {})};
  FakeBroker* broker_ = nullptr;
  FakeBroker* upstreams_ = nullptr;
  std::unique_ptr<Ingest> ingest_;
};

TEST_F(IngestSourcesTest, EachTopicIsSubscribedAtItsBroker) {
  EXPECT_THAT(broker_->subscribed, ElementsAre("news of news"));
  EXPECT_THAT(upstreams_->subscribed, ElementsAre("feed:1 of feed"));
  Do(UnsubscribeCommand{0, "feed:1"});
  EXPECT_THAT(upstreams_->unsubscribed, IsEmpty());
  Do(UnsubscribeCommand{1, "feed:1"});
  EXPECT_THAT(upstreams_->unsubscribed, ElementsAre("feed:1"));
  EXPECT_THAT(broker_->unsubscribed, IsEmpty());
}

TEST_F(IngestSourcesTest, ASubscriptionMayBeRefusedAtOnce) {
  upstreams_->refuses = true;
  Do(SubscribeCommand{0, catalog_->entry(1), "feed:2"});
  const auto events = Take(0);
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(std::get<RefusedEvent>(events[0]).error.code, Errc::kUnavailable);
}

TEST_F(IngestSourcesTest, EventsKeepTheirNameIdAndFields) {
  upstreams_->handler.OnSubscribed("feed:1");
  upstreams_->handler.OnEvent("feed:1", Event(R"({"type": "a"})", "id-1", "alert"));
  // Not taken for what was published over HTTP.
  upstreams_->handler.OnEvent("feed:1", Event("\x1e{\"data\": \"x\"}"));
  upstreams_->handler.OnEvent("feed:1", Event("7"));
  const auto frames = Frames(1);
  ASSERT_THAT(frames, SizeIs(2));
  EXPECT_EQ(frames[0]->payload(), "id: id-1\nevent: alert\ndata: {\"type\": \"a\"}\n\n");
  ASSERT_NE(frames[0]->field(0), nullptr);
  EXPECT_EQ(*frames[0]->field(0), "a");
  EXPECT_THAT(std::string(frames[1]->payload()), HasSubstr(".2\ndata: 7\n\n"));
  EXPECT_EQ(catalog_->counters(1).dropped.Get(), 1U);
}

TEST_F(IngestSourcesTest, ALostBrokerLeavesUpstreamsAlone) {
  broker_->handler.OnSubscribed("news");
  upstreams_->handler.OnSubscribed("feed:1");
  Take(0);
  broker_->handler.OnSourceDown();
  const auto events = Take(0);
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(std::get<SourceDownEvent>(events[0]).channel, "");
  Do(SubscribeCommand{1, catalog_->entry(1), "feed:1"});
  EXPECT_TRUE(std::holds_alternative<LiveEvent>(Take(1).back())) << "live as before";
}

TEST_F(IngestSourcesTest, AChannelThatResumesHasNoGap) {
  upstreams_->handler.OnSubscribed("feed:1");
  Take(0);
  upstreams_->handler.OnChannelDown("feed:1");
  upstreams_->handler.OnChannelDown("feed:1");
  auto events = Take(0);
  ASSERT_THAT(events, SizeIs(1)) << "told once";
  EXPECT_EQ(std::get<SourceDownEvent>(events[0]).channel, "feed:1");
  upstreams_->handler.OnResumed("feed:1");
  events = Take(0);
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_TRUE(std::holds_alternative<LiveEvent>(events[0]));
  upstreams_->handler.OnChannelDown("feed:1");
  upstreams_->handler.OnSubscribed("feed:1");
  const auto frames = Frames(0);
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_TRUE(frames[0]->gap());
}

TEST_F(IngestSourcesTest, WhatHasEndedIsToldToEveryWorkerAndKeptUntilAllHaveLeft) {
  upstreams_->handler.OnSubscribed("feed:1");
  Take(0);
  Take(1);
  upstreams_->handler.OnEnded("feed:1");
  EXPECT_TRUE(std::holds_alternative<EndedEvent>(Take(0).back()));
  EXPECT_TRUE(std::holds_alternative<EndedEvent>(Take(1).back()));
  Do(UnsubscribeCommand{0, "feed:1"});
  Do(SubscribeCommand{0, catalog_->entry(1), "feed:1"});
  EXPECT_TRUE(std::holds_alternative<EndedEvent>(Take(0).back())) << "without asking again";
  EXPECT_THAT(upstreams_->subscribed, SizeIs(1));
  Do(UnsubscribeCommand{0, "feed:1"});
  Do(UnsubscribeCommand{1, "feed:1"});
  EXPECT_THAT(upstreams_->unsubscribed, ElementsAre("feed:1"));
  Do(SubscribeCommand{0, catalog_->entry(1), "feed:1"});
  EXPECT_THAT(upstreams_->subscribed, SizeIs(2));
}

}  // namespace
}  // namespace sluice::pubsub
