// PubSubLink::Publish.
#include <cerrno>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "link_fixture.h"

namespace sluice::redis {
namespace {

using LinkPublishTest = LinkFixture;
using Answer = std::optional<std::string>;

TEST_F(LinkPublishTest, TellsHowManyReceived) {
  wanted_ = {"news"};
  StartUp();
  const auto first = Publish("news", "hello");
  const auto second = Publish("other", "");
  EXPECT_TRUE(first->empty());
  redis_.Serve();
  EXPECT_EQ(*first, Lines{"1"});
  EXPECT_EQ(*second, Lines{"0"});
  EXPECT_EQ(Told(), Lines{"news: hello"});
}

TEST_F(LinkPublishTest, SendsAnyBytes) {
  const std::string payload("%s\r\n\0$5\r\n", 10);
  wanted_ = {"news"};
  StartUp();
  const auto answer = Publish("news", payload);
  redis_.Serve();
  EXPECT_EQ(Told(), Lines{"news: " + payload});
  EXPECT_EQ(*answer, Lines{"1"});
}

TEST_F(LinkPublishTest, FailsAtOnceWhileTheLinkIsDown) {
  redis_.RefuseConnects(Error{Errc::kSystem, "cannot connect: Connection refused"});
  link_ = std::make_unique<PubSubLink>(loop_, network_, Options{}, *this);
  EXPECT_EQ(*Publish("news", "x"), Lines{"unavailable: the link to Redis is down: not started"});
  link_->Start();
  EXPECT_EQ(Publish("news", "x")->size(), 1U);
  redis_.Serve();
  const auto answer = Publish("news", "x");
  ASSERT_EQ(answer->size(), 1U);
  EXPECT_NE(answer->at(0).find("Connection refused"), std::string::npos);
}

TEST_F(LinkPublishTest, FailsWhatIsOutstandingWhenTheLinkDrops) {
  StartUp();
  redis_.Freeze(true);
  const auto first = Publish("news", "x");
  const auto second = Publish("news", "y");
  redis_.Serve();
  EXPECT_TRUE(first->empty());
  redis_.KillAll(ECONNRESET);
  ASSERT_EQ(first->size(), 1U);
  ASSERT_EQ(second->size(), 1U);
  EXPECT_EQ(first->at(0).find("unavailable: the link to Redis is down: "), 0U) << first->at(0);
}

TEST_F(LinkPublishTest, FailsAfterItsTimeoutAndTakesTheLateAnswerForNoOther) {
  Options options;
  options.publish_timeout_ms = 500;
  StartUp(options);
  redis_.SetAnswer([](const auto& command) -> Answer {
    if (command[0] == "PUBLISH" && command[1] == "news") return "";
    return std::nullopt;
  });
  const auto late = Publish("news", "x");
  redis_.Serve();
  loop_.Advance(300);
  redis_.SetAnswer(nullptr);
  const auto second = Publish("other", "y");
  loop_.Advance(199);
  EXPECT_TRUE(late->empty());
  loop_.Advance(1);
  EXPECT_EQ(*late, Lines{"timeout: Redis did not answer in time"});
  EXPECT_TRUE(second->empty());
  redis_.peer(1).Deliver(":41\r\n");
  redis_.peer(1).Deliver(":42\r\n");
  EXPECT_EQ(*second, Lines{"42"});
  EXPECT_EQ(late->size(), 1U);
  EXPECT_TRUE(link_->up());
}

TEST_F(LinkPublishTest, TimesOutEachInItsTurn) {
  Options options;
  options.publish_timeout_ms = 500;
  StartUp(options);
  redis_.Freeze(true);
  const auto first = Publish("a", "");
  loop_.Advance(200);
  const auto second = Publish("b", "");
  loop_.Advance(300);
  EXPECT_EQ(first->size(), 1U);
  EXPECT_TRUE(second->empty());
  loop_.Advance(200);
  EXPECT_EQ(second->size(), 1U);
  const auto third = Publish("c", "");
  loop_.Advance(499);
  EXPECT_TRUE(third->empty());
  loop_.Advance(1);
  EXPECT_EQ(third->size(), 1U);
}

TEST_F(LinkPublishTest, RefusesMoreThanMayBeOutstanding) {
  Options options;
  options.max_pending_bytes = 1'000;
  StartUp(options);
  redis_.Freeze(true);
  size_t accepted = 0;
  std::shared_ptr<Lines> answer;
  do {
    answer = Publish("news", std::string(100, 'x'));
    ++accepted;
    ASSERT_LT(accepted, 100U);
  } while (answer->empty());
  EXPECT_EQ(*answer, Lines{"limit: Redis answers too slowly: too many commands are waiting"});
  EXPECT_EQ(accepted, 6U);  // five of 100 bytes with their overhead fit
  redis_.Freeze(false);
  redis_.Serve();
  const auto again = Publish("news", "x");
  redis_.Serve();
  EXPECT_EQ(*again, Lines{"0"});
}

TEST_F(LinkPublishTest, TheProbePassesWhenNothingElseMay) {
  Options options;
  options.max_pending_bytes = 10;
  StartUp(options);
  EXPECT_EQ(Publish("news", "x")->size(), 1U);
  redis_.ServeFor(10'000);
  EXPECT_TRUE(link_->up());
}

TEST_F(LinkPublishTest, WaitsForASlowSocketInOrder) {
  wanted_ = {"news"};
  StartUp();
  redis_.peer(1).SetBudget(5);
  const auto first = Publish("news", std::string(300'000, 'a'));
  const auto second = Publish("news", "b");
  redis_.Serve();
  EXPECT_TRUE(redis_.peer(1).wants_writable());
  for (int i = 0; i < 1'000 && redis_.peer(1).wants_writable(); ++i) {
    redis_.peer(1).MakeWritable(1'000);
    redis_.Serve();
  }
  EXPECT_FALSE(redis_.peer(1).wants_writable());
  EXPECT_EQ(*first, Lines{"1"});
  EXPECT_EQ(*second, Lines{"1"});
  EXPECT_EQ(Told(), (Lines{"news: " + std::string(300'000, 'a'), "news: b"}));
}

TEST_F(LinkPublishTest, PassesOnWhyRedisRefuses) {
  StartUp();
  redis_.SetAnswer([](const auto& command) -> Answer {
    if (command[1] == "closed") return "-NOPERM no permissions to access one of the channels\r\n";
    if (command[1] == "odd") return "-ERR something\r\n";
    if (command[1] == "replica") return "-READONLY You can't write against a read only replica\r\n";
    return std::nullopt;
  });
  const auto closed = Publish("closed", "x");
  const auto odd = Publish("odd", "x");
  const auto replica = Publish("replica", "x");
  redis_.Serve();
  EXPECT_EQ(*closed,
            Lines{"unavailable: PUBLISH: NOPERM no permissions to access one of the channels"});
  EXPECT_EQ(*odd, Lines{"invalid: PUBLISH: ERR something"});
  EXPECT_EQ(replica->at(0).find("unavailable: PUBLISH: READONLY"), 0U);
  EXPECT_TRUE(link_->up());
}

TEST_F(LinkPublishTest, DropsALinkThatAnswersPublishWithSomethingElse) {
  StartUp();
  redis_.SetAnswer([](const auto&) -> Answer { return "+OK\r\n"; });
  const auto answer = Publish("news", "x");
  redis_.Serve();
  EXPECT_EQ(*answer, Lines{"unavailable: Redis did not answer PUBLISH with a number"});
  EXPECT_EQ(Told().at(0), "down");
}

TEST_F(LinkPublishTest, ACallbackMayPublishAgain) {
  StartUp();
  int answers = 0;
  std::function<void(Result<int64_t>)> again = [&](Result<int64_t> result) {
    if (result && ++answers < 100) link_->Publish("news", "x", again);
  };
  link_->Publish("news", "x", again);
  redis_.Serve();
  EXPECT_EQ(answers, 100);
}

}  // namespace
}  // namespace sluice::redis
