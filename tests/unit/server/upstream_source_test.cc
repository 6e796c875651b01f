#include "server/upstream_source.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/upstream_broker.h"
#include "sluice/base/log.h"
#include "sluice/http/response_parser.h"
#include "support/fake_loop.h"
#include "support/test_catalog.h"

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

const std::string kOk = "200 OK\r\nContent-Type: text/event-stream";

// The upstream, of which the test gives the answers.
class FakeUpstream final : public proxy::Upstream {
 public:
  struct Started {
    std::string head;
    proxy::CallHandler* handler;
    bool live = true;
  };
  class FakeCall final : public proxy::Call {
   public:
    explicit FakeCall(std::shared_ptr<Started> started) : started_(std::move(started)) {
      record_.server = "127.0.0.1:1";
    }
    ~FakeCall() override { started_->live = false; }
    void SendBody(std::string_view) override {}
    void EndBody(std::string_view) override {}
    [[nodiscard]] size_t unsent() const override { return 0; }
    void PauseReading() override {}
    void ResumeReading() override {}
    void LimitReads(size_t) override {}
    [[nodiscard]] const proxy::CallRecord& record() const override { return record_; }

   private:
    std::shared_ptr<Started> started_;
    proxy::CallRecord record_;
  };

  [[nodiscard]] const config::Upstream& config() const override { return config_; }
  void Retire() override {}
  [[nodiscard]] std::unique_ptr<proxy::Call> Start(proxy::CallRequest request,
                                                   proxy::CallHandler& handler) override {
    EXPECT_EQ(request.body, proxy::CallRequest::Body::kNone);
    EXPECT_TRUE(request.idempotent);
    calls.push_back(std::make_shared<Started>(Started{std::move(request.head), &handler}));
    return std::make_unique<FakeCall>(calls.back());
  }
  void ReadOut(std::unique_ptr<proxy::Call> /*call*/) override {}

  // "200 OK\r\nName: value"
  void Answer(const std::string& head) {
    const http::ResponseLimits limits;
    http::ResponseParser parser(limits);
    const auto fed = parser.Feed("HTTP/1.1 " + head + "\r\n\r\n", nullptr);
    ASSERT_EQ(fed.event, http::ResponseParser::Event::kHead);
    ASSERT_TRUE(calls.back()->live);
    calls.back()->handler->OnHead(parser.head());
  }
  void Send(std::string_view bytes) { calls.back()->handler->OnBody(bytes); }
  void End() { calls.back()->handler->OnEnd({}); }
  void Fail() { calls.back()->handler->OnFailed({proxy::CallFailure::Kind::kConnect, "refused"}); }

  std::vector<std::shared_ptr<Started>> calls;

 private:
  config::Upstream config_;
};

// Notes what it is told.
class Notes final : public pubsub::BrokerHandler {
 public:
  void OnSubscribed(std::string_view channel) override { Note("subscribed", channel); }
  void OnSubscribeFailed(std::string_view channel, std::string_view reason) override {
    Note("failed", channel);
    why = reason;
    if (on_failed) on_failed();
  }
  void OnResumed(std::string_view channel) override { Note("resumed", channel); }
  void OnMessage(std::string_view channel, std::string_view) override { Note("message", channel); }
  void OnEvent(std::string_view channel, const pubsub::Message& event) override {
    Note("event", channel);
    events.push_back(std::string(event.event) + "|" + std::string(event.id) + "|" +
                     std::string(event.data));
  }
  void OnOversized(std::string_view channel, uint64_t) override { Note("oversized", channel); }
  void OnSourceDown() override { Note("all down", ""); }
  void OnChannelDown(std::string_view channel) override { Note("down", channel); }
  void OnEnded(std::string_view channel) override { Note("ended", channel); }

  std::vector<std::string> Take() { return std::exchange(notes, {}); }

  std::vector<std::string> notes;
  std::vector<std::string> events;
  std::string why;
  std::function<void()> on_failed;

 private:
  void Note(std::string_view what, std::string_view channel) {
    notes.push_back(channel.empty() ? std::string(what)
                                    : std::string(what) + " " + std::string(channel));
  }
};

class UpstreamSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SetLogLevel(LogLevel::kOff);
    config_.topics.resize(1);
    topic().name = "feed";
    topic().channel = "feed:{id}";
    topic().source = config::Source::kUpstream;
    topic().upstream = "app";
    topic().upstream_path = "/sse/{id}";
  }
  void TearDown() override {
    broker_.reset();
    loop_.Turn();
    for (const auto& call : upstream_.calls) EXPECT_FALSE(call->live);
    SetLogLevel(LogLevel::kInfo);
  }

  config::Topic& topic() { return config_.topics[0]; }
  [[nodiscard]] const pubsub::SourceCounters& counters() const {
    return catalog_->counters().source;
  }

  void Subscribe(const std::string& channel = "feed:1") {
    if (broker_ == nullptr) {
      catalog_ = std::make_shared<testing::TestCatalog>(config_);
      broker_ = std::make_unique<UpstreamBroker>(
          loop_, [this](std::string_view) { return configured_ ? &upstream_ : nullptr; }, 100,
          notes_);
      notes_.on_failed = [this] { broker_->Unsubscribe("feed:1"); };
    }
    broker_->Subscribe(channel, catalog_->entry());
  }
  // Subscribes, and the upstream's stream is open.
  void Open() {
    Subscribe();
    upstream_.Answer(kOk);
    EXPECT_THAT(notes_.Take(), ElementsAre("subscribed feed:1"));
  }
  // How long until the next request, in steps of the wheel; 0: none within a minute.
  uint64_t WaitForRequest() {
    const size_t before = upstream_.calls.size();
    for (uint64_t ms = 100; ms <= 120'000; ms += 100) {
      loop_.Advance(100);
      if (upstream_.calls.size() > before) return ms;
    }
    return 0;
  }

  testing::FakeLoop loop_;
  config::Config config_;
  std::shared_ptr<testing::TestCatalog> catalog_;
  FakeUpstream upstream_;
  bool configured_ = true;
  Notes notes_;
  std::unique_ptr<UpstreamBroker> broker_;
};

TEST_F(UpstreamSourceTest, AsksLikeAnEventSource) {
  Subscribe("feed:a b");
  ASSERT_THAT(upstream_.calls, SizeIs(1));
  EXPECT_EQ(upstream_.calls[0]->head,
            "GET /sse/a%20b HTTP/1.1\r\nHost: app\r\nAccept: text/event-stream\r\nCache-Control: "
            "no-cache\r\nUser-Agent: sluice\r\n\r\n");
  EXPECT_THAT(notes_.Take(), IsEmpty()) << "not before its answer";
  EXPECT_EQ(counters().lost.Get(), 1U);
}

TEST_F(UpstreamSourceTest, HostMayBeGiven) {
  topic().upstream_host = "app.internal:81";
  Subscribe();
  EXPECT_THAT(upstream_.calls[0]->head, HasSubstr("\r\nHost: app.internal:81\r\n"));
}

TEST_F(UpstreamSourceTest, EventsArePassedOnWithTheirOwnIds) {
  Open();
  EXPECT_EQ(counters().open.Get(), 1U);
  upstream_.Send("id: 1\ndata: a\n\ndata: b\n\n: c\n\nevent: x\nid: 2\nda");
  upstream_.Send("ta: c\n\nid: 2\ndata: d\n\nid: not/ours\ndata: e\n\nid\ndata: f\n\n");
  EXPECT_THAT(notes_.events, ElementsAre("|1|a", "||b", "x|2|c", "||d", "||e", "||f"));
}

TEST_F(UpstreamSourceTest, GoesOnAfterTheLastEvent) {
  Open();
  upstream_.Send("id: not/ours\ndata: a\n\n");
  notes_.Take();
  upstream_.End();
  EXPECT_THAT(notes_.Take(), ElementsAre("down feed:1"));
  EXPECT_EQ(counters().failures.Get(), 1U);
  EXPECT_NE(WaitForRequest(), 0U);
  EXPECT_THAT(upstream_.calls[1]->head, EndsWith("\r\nLast-Event-ID: not/ours\r\n\r\n"));
  upstream_.Answer(kOk);
  EXPECT_THAT(notes_.Take(), ElementsAre("resumed feed:1"));
  EXPECT_EQ(counters().reconnects.Get(), 1U);
}

TEST_F(UpstreamSourceTest, WithoutIdsMessagesMayBeMissing) {
  Open();
  upstream_.Send("data: a\n\n");
  upstream_.Fail();
  EXPECT_NE(WaitForRequest(), 0U);
  EXPECT_THAT(upstream_.calls[1]->head, Not(HasSubstr("Last-Event-ID")));
  notes_.Take();
  upstream_.Answer(kOk);
  EXPECT_THAT(notes_.Take(), ElementsAre("subscribed feed:1"));
}

TEST_F(UpstreamSourceTest, AnUpstreamMayBeKnownNotToResume) {
  topic().upstream_resumes = false;
  Open();
  upstream_.Send("id: 1\ndata: a\n\n");
  upstream_.End();
  EXPECT_NE(WaitForRequest(), 0U);
  notes_.Take();
  upstream_.Answer(kOk);
  EXPECT_THAT(notes_.Take(), ElementsAre("subscribed feed:1"));
}

TEST_F(UpstreamSourceTest, AnIdThatIsNoFieldIsNotSent) {
  Open();
  upstream_.Send("id: a\x01z\ndata: a\n\n");
  upstream_.End();
  EXPECT_NE(WaitForRequest(), 0U);
  EXPECT_THAT(upstream_.calls[1]->head, Not(HasSubstr("Last-Event-ID")));
}

TEST_F(UpstreamSourceTest, WaitsAsItIsToldAndLongerWithEachFailure) {
  Open();
  upstream_.Send("retry: 2000\n\n");
  upstream_.End();
  const auto within = [this](uint64_t least) {
    const uint64_t waited = WaitForRequest();
    EXPECT_GE(waited, least);
    EXPECT_LE(waited, least + least / 2 + 200);
  };
  within(2'000);
  upstream_.Fail();
  within(4'000);
  upstream_.Answer("500 Oops\r\nContent-Length: 0");
  within(8'000);
  upstream_.Fail();
  within(16'000);
  for (int i = 0; i < 3; ++i) {
    upstream_.Fail();
    within(UpstreamSource::kMostRetryMs);
  }
  upstream_.Answer(kOk);
  upstream_.End();
  within(2'000);
}

TEST_F(UpstreamSourceTest, ARetryOfNothingIsNoLoop) {
  Open();
  upstream_.Send("retry: 0\n\n");
  upstream_.End();
  EXPECT_GE(WaitForRequest(), UpstreamSource::kLeastRetryMs);
}

TEST_F(UpstreamSourceTest, BeforeTheFirstStreamAFailureIsTheEnd) {
  for (const std::string& answer :
       {std::string("404 Not Found\r\nContent-Length: 0"),
        std::string("302 Found\r\nLocation: /x\r\nContent-Length: 0"),
        std::string("200 OK\r\nContent-Type: text/html"), std::string("200 OK\r\nX: y"),
        std::string("200 OK\r\nContent-Type: text/event-streams"),
        kOk + "\r\nContent-Encoding: gzip"}) {
    Subscribe();
    upstream_.Answer(answer);
    EXPECT_THAT(notes_.Take(), ElementsAre("failed feed:1")) << answer;
    EXPECT_THAT(notes_.why, StartsWith("upstream app: "));
  }
  Subscribe();
  upstream_.Fail();
  EXPECT_THAT(notes_.Take(), ElementsAre("failed feed:1"));
  EXPECT_EQ(notes_.why, "upstream app: connect: refused");
  EXPECT_EQ(WaitForRequest(), 0U);
  EXPECT_EQ(counters().lost.Get() + counters().open.Get(), 0U);
}

TEST_F(UpstreamSourceTest, TypesMayHaveParameters) {
  Subscribe();
  upstream_.Answer(
      "200 OK\r\nContent-Type: TEXT/event-stream ;charset=utf-8\r\n"
      "Content-Encoding: identity");
  EXPECT_THAT(notes_.Take(), ElementsAre("subscribed feed:1"));
}

TEST_F(UpstreamSourceTest, NoContentIsTheEnd) {
  Open();
  upstream_.End();
  EXPECT_NE(WaitForRequest(), 0U);
  notes_.Take();
  upstream_.Answer("204 No Content");
  EXPECT_THAT(notes_.Take(), ElementsAre("ended feed:1"));
  EXPECT_FALSE(upstream_.calls.back()->live);
  EXPECT_EQ(WaitForRequest(), 0U);
  broker_->Reload(100, {"app"});
  EXPECT_THAT(upstream_.calls, SizeIs(2));
}

TEST_F(UpstreamSourceTest, EventsOverTheLimitAreTold) {
  Open();
  upstream_.Send("data: " + std::string(200, 'x') + "\n\ndata: small\n\n");
  EXPECT_THAT(notes_.Take(), ElementsAre("oversized feed:1", "event feed:1"));
}

TEST_F(UpstreamSourceTest, UnsubscribingClosesTheStream) {
  Open();
  broker_->Unsubscribe("feed:1");
  EXPECT_FALSE(upstream_.calls[0]->live);
  EXPECT_EQ(counters().open.Get(), 0U);
  loop_.Turn();
  Open();
  upstream_.End();
  broker_->Unsubscribe("feed:1");
  EXPECT_EQ(WaitForRequest(), 0U);
  EXPECT_EQ(counters().lost.Get(), 0U);
}

TEST_F(UpstreamSourceTest, AnotherConfigurationOpensItAnew) {
  Open();
  upstream_.Send("id: 5\ndata: a\n\n");
  broker_->Reload(100, {"other"});
  EXPECT_TRUE(upstream_.calls[0]->live);
  notes_.Take();
  broker_->Reload(100, {"other", "app"});
  EXPECT_FALSE(upstream_.calls[0]->live);
  EXPECT_THAT(notes_.Take(), ElementsAre("down feed:1"));
  EXPECT_NE(WaitForRequest(), 0U);
  EXPECT_THAT(upstream_.calls[1]->head, HasSubstr("Last-Event-ID: 5"));
}

TEST_F(UpstreamSourceTest, AFirstRequestIsSentAnewToTheOtherUpstream) {
  Subscribe();
  broker_->Reload(100, {"app"});
  ASSERT_THAT(upstream_.calls, SizeIs(2));
  EXPECT_FALSE(upstream_.calls[0]->live);
  upstream_.Answer(kOk);
  EXPECT_THAT(notes_.Take(), ElementsAre("subscribed feed:1"));
}

TEST_F(UpstreamSourceTest, WithoutItsUpstreamItFails) {
  configured_ = false;
  Subscribe("feed:1");
  EXPECT_THAT(notes_.Take(), ElementsAre("failed feed:1"));
}

TEST_F(UpstreamSourceTest, NobodyPublishesThere) {
  Open();
  Result<> result;
  broker_->Publish("feed:1", "x", [&](Result<> done) { result = std::move(done); });
  EXPECT_FALSE(result);
}

}  // namespace
}  // namespace sluice::server
