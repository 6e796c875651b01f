// Each direction of a session has its own deadline.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/server/notes_fixture.h"

namespace sluice::server {
namespace {

using ::testing::EndsWith;

constexpr auto kPipelined = net::PauseReason::kPipelined;

using SessionDeadlinesTest = NotesFixture;

TEST_F(SessionDeadlinesTest, BodyThatKeepsComingDoesNotPutOffTheAnswersDeadline) {
  on_dispatch_ = [](Exchange& exchange) { exchange.ReadBody(); };
  const auto peer = ConnectAndSend(Post("/", "Content-Length: 1000\r\n", "a"));
  StartUnknown();
  peer->SetBudget(0);
  Send("early");
  for (uint64_t ms = 0; ms < settings_.write_timeout_ms - 1'000; ms += 1'000) {
    loop_.Advance(1'000);
    peer->Deliver("b");
    // As an upstream does that is slow, and then not.
    exchange_->PauseBody();
    exchange_->ResumeBody();
  }
  EXPECT_FALSE(peer->destroyed());
  loop_.Advance(1'200);
  EXPECT_TRUE(peer->destroyed());
  EXPECT_THAT(Told(), EndsWith("client-gone "));
  EXPECT_FALSE(done_.at(0).complete);
}

TEST_F(SessionDeadlinesTest, AnswerThatIsTakenDoesNotPutOffTheBodysDeadline) {
  on_dispatch_ = [](Exchange& exchange) { exchange.ReadBody(); };
  const auto peer = ConnectAndSend(Post("/", "Content-Length: 1000\r\n", "a"));
  StartUnknown();
  for (uint64_t ms = 0; ms < settings_.body_timeout_ms - 1'000; ms += 1'000) {
    loop_.Advance(1'000);
    peer->SetBudget(0);
    Send("more");
    peer->MakeWritable(2);
    EXPECT_GT(exchange_->unsent(), 0U);
    peer->MakeWritable();
    EXPECT_EQ(exchange_->unsent(), 0U);
  }
  EXPECT_FALSE(peer->destroyed());
  loop_.Advance(1'200);
  EXPECT_TRUE(peer->destroyed());
  EXPECT_THAT(Told(), EndsWith("client-gone "));
}

TEST_F(SessionDeadlinesTest, BodysDeadlineHoldsWhileTheAnswerWaitsForTheClient) {
  on_dispatch_ = [](Exchange& exchange) { exchange.ReadBody(); };
  const auto peer = ConnectAndSend(Post("/", "Content-Length: 1000\r\n", "a"));
  StartUnknown();
  peer->SetBudget(0);
  Send("early");
  loop_.Advance(settings_.body_timeout_ms + 200);
  EXPECT_TRUE(peer->destroyed());
}

TEST_F(SessionDeadlinesTest, AnswersDeadlineDoesNotBeginAnewWithItsEnd) {
  const auto peer = ConnectAndSend(Get("/"));
  StartUnknown();
  peer->SetBudget(0);
  Send("early");
  loop_.Advance(settings_.write_timeout_ms - 1'000);
  exchange_->EndAnswer({});
  loop_.Advance(1'200);
  EXPECT_TRUE(peer->destroyed());
}

TEST_F(SessionDeadlinesTest, BodyThatWaitsBehindAnInterimAnswerIsNotLate) {
  on_dispatch_ = [](Exchange& exchange) { exchange.ReadBody(); };
  const auto peer = Connect();
  peer->SetBudget(0);
  peer->Deliver(Post("/", "Expect: 100-continue\r\nContent-Length: 4\r\n", ""));
  peer->Deliver("body");
  EXPECT_TRUE(peer->paused(kPipelined));
  loop_.Advance(settings_.body_timeout_ms * 2);
  EXPECT_FALSE(peer->destroyed());
  peer->MakeWritable();
  EXPECT_EQ(Told(), "body:body body-end: ");
}

TEST_F(SessionDeadlinesTest, InterimAnswerThatNobodyTakesHasTheTimeOfAnAnswer) {
  const auto peer = ConnectAndSend(Get("/"));
  peer->SetBudget(5);
  exchange_->SendInterim("HTTP/1.1 103 Early Hints\r\n\r\n");
  peer->MakeWritable(5);
  loop_.Advance(settings_.write_timeout_ms + 200);
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(Told(), "client-gone ");
}

}  // namespace
}  // namespace sluice::server
