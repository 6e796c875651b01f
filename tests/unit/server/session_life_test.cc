#include <algorithm>
#include <cerrno>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "server/session.h"
#include "unit/server/session_fixture.h"

namespace sluice::server {
namespace {

using ::testing::EndsWith;
using testing::FakePeer;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// What happens around requests: several at once, clients that are slow or leave, the end.
class SessionLifeTest : public SessionFixture {};

TEST_F(SessionLifeTest, WhatARequestKeepsLivesUntilItIsOver) {
  auto peer = ConnectAndSend(Get("/kept"));
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(kept_at_end_[0], 2) << "though another was kept after it";
  EXPECT_EQ(kept_at_end_[1], 2);
  EXPECT_EQ(kept_[0].use_count(), 1) << "a connection that waits keeps nothing";
  EXPECT_EQ(kept_[1].use_count(), 1);
  // An answer that waits for the client does.
  peer->SetBudget(0);
  peer->Deliver(Get("/kept"));
  EXPECT_EQ(kept_[0].use_count(), 2);
  peer->Kill(ECONNRESET);
  loop_.Turn();
  EXPECT_EQ(kept_[0].use_count(), 1);
}

// --- Pipelining ---

TEST_F(SessionLifeTest, PipelinedRequestsAreAnsweredInOrder) {
  auto peer = ConnectAndSend(Get("/ok") + Post("/echo", "Content-Length: 2\r\n", "hi") + "\r\n" +
                             Get("/later") + Get("/ok"));
  EXPECT_EQ(CountOf(peer->written(), "HTTP/1.1 200"), 2U);
  EXPECT_TRUE(peer->paused(net::PauseReason::kPipelined));
  peer->Deliver(Get("/ok", "Connection: close\r\n"));
  AnswerLater();
  EXPECT_EQ(CountOf(peer->written(), "HTTP/1.1 200"), 4U);
  EXPECT_FALSE(peer->paused());
  peer->Pump();
  EXPECT_EQ(CountOf(peer->written(), "HTTP/1.1 200"), 5U);
  EXPECT_TRUE(peer->destroyed());
  EXPECT_LT(peer->written().find("\r\n\r\nhi"), peer->written().find("\r\n\r\nlater"));
}

TEST_F(SessionLifeTest, GarbageBehindARequestDoesNotSpoilItsAnswer) {
  auto peer = ConnectAndSend(Get("/later") + "\x01\x02garbage");
  EXPECT_EQ(peer->written(), "");
  AnswerLater();
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(peer->written(), HasSubstr("later"
                                         "HTTP/1.1 400 "));
}

TEST_F(SessionLifeTest, BytesBehindTheLastRequestAreDropped) {
  auto peer = ConnectAndSend(Get("/ok", "Connection: close\r\n") + Get("/ok"));
  EXPECT_EQ(CountOf(peer->written(), "HTTP/1.1 "), 1U);
  EXPECT_EQ(dispatched_, 1);
  EXPECT_TRUE(peer->shut_down()) << "bytes are unread: a plain close could cost the answer";
}

TEST_F(SessionLifeTest, ManyPipelinedRequestsTakeTurns) {
  std::string requests;
  for (int i = 0; i < 40; ++i) requests += Get("/ok");
  auto peer = ConnectAndSend(requests);
  EXPECT_LT(dispatched_, 20);
  EXPECT_TRUE(peer->wants_writable());
  peer->MakeWritable();
  EXPECT_EQ(dispatched_, 40);
  EXPECT_FALSE(peer->wants_writable());
  EXPECT_FALSE(peer->paused());
}

// --- Slow and vanishing clients ---

TEST_F(SessionLifeTest, AnswerThatTheKernelDoesNotTakeAtOnceGoesOnLater) {
  auto peer = Connect();
  peer->SetBudget(1'000);
  peer->Deliver(Get("/big") + Get("/ok"));
  EXPECT_EQ(peer->written().size(), 1'000U);
  EXPECT_EQ(dispatched_, 1) << "one at a time";
  while (peer->wants_writable()) peer->MakeWritable(7'777);
  EXPECT_EQ(CountOf(peer->written(), "HTTP/1.1 200"), 2U);
  EXPECT_EQ(CountOf(peer->written(), "b"), 100'000U);
  EXPECT_TRUE(done_.at(0).complete);
  EXPECT_GT(done_.at(0).bytes, 100'000U);
}

TEST_F(SessionLifeTest, ClientThatNeverReadsIsCut) {
  auto peer = Connect();
  peer->SetBudget(1'000);
  peer->Deliver(Get("/big"));
  loop_.Advance(29'000);
  peer->MakeWritable(1'000);
  loop_.Advance(29'000);
  EXPECT_FALSE(peer->destroyed()) << "it took something";
  loop_.Advance(1'200);
  EXPECT_TRUE(peer->destroyed());
  ASSERT_EQ(done_.size(), 1U);
  EXPECT_EQ(done_[0].status, 200);
  EXPECT_FALSE(done_[0].complete);
  EXPECT_EQ(done_[0].bytes, 2'000U);
}

TEST_F(SessionLifeTest, ResetInTheMiddleOfAWriteEndsTheSession) {
  auto peer = Connect();
  peer->SetBudget(1'000);
  peer->Deliver(Get("/big"));
  peer->Kill(ECONNRESET);
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(sessions_->size(), 0U);
  EXPECT_FALSE(done_.at(0).complete);
}

TEST_F(SessionLifeTest, WriteThatFailsEndsTheSession) {
  auto peer = Connect();
  peer->FailWrites(EPIPE);
  peer->Deliver(Get("/ok"));
  EXPECT_TRUE(peer->destroyed());
  ASSERT_EQ(done_.size(), 1U);
  EXPECT_FALSE(done_[0].complete);
  EXPECT_EQ(done_[0].bytes, 0U);
}

TEST_F(SessionLifeTest, WriteOfContinueThatFailsTellsTheHandler) {
  auto peer = Connect();
  peer->FailWrites(EPIPE);
  peer->Deliver(Post("/echo", "Expect: 100-continue\r\nContent-Length: 2\r\n", ""));
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(log_, "client-gone ");
}

TEST_F(SessionLifeTest, HandlerIsToldThatTheClientHasGone) {
  auto peer = ConnectAndSend(Get("/later"));
  peer->Kill(ECONNRESET);
  EXPECT_EQ(log_, "client-gone ");
  loop_.Turn();
  EXPECT_EQ(live_handlers_, 0);
  ASSERT_EQ(done_.size(), 1U);
  EXPECT_EQ(done_[0].status, RequestSummary::kClientGone);
  EXPECT_EQ(done_[0].method, "GET");
}

TEST_F(SessionLifeTest, HalfClosedClientGetsItsAnswer) {
  auto peer = ConnectAndSend(Get("/later"));
  peer->DeliverEnd();
  EXPECT_EQ(log_, "client-end ");
  EXPECT_TRUE(exchange_->client_ended());
  EXPECT_FALSE(peer->destroyed());
  AnswerLater();
  EXPECT_THAT(peer->written(), HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(BodyOf(peer->written()), "later");
  EXPECT_TRUE(peer->destroyed());
}

TEST_F(SessionLifeTest, HalfClosedClientGetsAllPipelinedAnswers) {
  auto peer = ConnectAndSend(Get("/later") + Get("/ok") + Get("/ok"));
  peer->DeliverEnd();
  AnswerLater();
  peer->Pump();
  EXPECT_EQ(CountOf(peer->written(), "HTTP/1.1 200"), 3U);
  EXPECT_TRUE(peer->destroyed());
}

TEST_F(SessionLifeTest, EndWithoutARequestCloses) {
  auto peer = Connect();
  peer->DeliverEnd();
  EXPECT_TRUE(peer->destroyed());
  peer = ConnectAndSend("GET / HT");
  peer->DeliverEnd();
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(peer->written(), "");
  peer = ConnectAndSend(Get("/ok"));
  peer->DeliverEnd();
  EXPECT_TRUE(peer->destroyed());
}

TEST_F(SessionLifeTest, EndInsideTheBodyIsAClientGone) {
  auto peer = ConnectAndSend(Post("/echo", "Content-Length: 5\r\n", "he"));
  peer->DeliverEnd();
  EXPECT_EQ(log_, "client-end client-gone ");
  EXPECT_TRUE(peer->destroyed());
}

// --- Taking the stream ---

TEST_F(SessionLifeTest, TakenStreamLeavesNothingBehind) {
  auto peer = ConnectAndSend(Get("/take"));
  EXPECT_NE(taken_, nullptr);
  EXPECT_EQ(sessions_->size(), 0U);
  loop_.Turn();
  EXPECT_EQ(live_handlers_, 0);
  EXPECT_FALSE(peer->destroyed());
  EXPECT_EQ(timers_.armed_count(), 0U);
  EXPECT_EQ(log_, "");
  ASSERT_EQ(done_.size(), 1U) << "it is told when it is taken, and not again";
  EXPECT_TRUE(done_[0].stream);
  EXPECT_EQ(done_[0].status, 200);
}

TEST_F(SessionLifeTest, StreamTakenLaterIsReadAgain) {
  auto peer = ConnectAndSend(Get("/later") + Get("/ok"));
  EXPECT_TRUE(peer->paused());
  taken_ = exchange_->TakeStream();
  taken_->SetHandler(nullptr);
  EXPECT_FALSE(peer->paused());
  EXPECT_FALSE(peer->wants_writable());
  loop_.Turn();
  EXPECT_EQ(live_handlers_, 0);
  EXPECT_EQ(sessions_->size(), 0U);
  EXPECT_EQ(dispatched_, 1) << "what was pipelined behind it is dropped";
}

// --- Drain and end ---

TEST_F(SessionLifeTest, DrainClosesIdleConnectionsAndFinishesTheOthers) {
  auto idle = ConnectAndSend(Get("/ok"));
  auto fresh = Connect();
  auto busy = ConnectAndSend(Get("/later"));
  sessions_->Drain();
  EXPECT_TRUE(idle->destroyed());
  EXPECT_FALSE(fresh->destroyed());
  EXPECT_FALSE(busy->destroyed());
  AnswerLater();
  EXPECT_THAT(busy->written(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(busy->shut_down());
  fresh->Deliver(Get("/ok"));
  EXPECT_THAT(fresh->written(), HasSubstr("Connection: close\r\n"));
  auto late = ConnectAndSend(Get("/ok"));
  EXPECT_THAT(late->written(), HasSubstr("Connection: close\r\n"));
  loop_.Advance(3'000);
  EXPECT_EQ(sessions_->size(), 0U);
}

TEST_F(SessionLifeTest, DrainWaitsASecondForAConnectionThatSaysNothing) {
  auto silent = Connect();
  sessions_->Drain();
  loop_.Advance(900);
  EXPECT_FALSE(silent->destroyed());
  loop_.Advance(300);
  EXPECT_TRUE(silent->destroyed());
  EXPECT_EQ(silent->written(), "");
}

TEST_F(SessionLifeTest, DrainInTheMiddleOfAnAnswerClosesAfterIt) {
  auto peer = Connect();
  peer->SetBudget(1'000);
  peer->Deliver(Get("/big"));
  sessions_->Drain();
  peer->MakeWritable();
  EXPECT_EQ(CountOf(peer->written(), "b"), 100'000U);
  EXPECT_TRUE(peer->shut_down());
}

TEST_F(SessionLifeTest, CloseAllCutsEverything) {
  auto idle = ConnectAndSend(Get("/ok"));
  auto busy = ConnectAndSend(Get("/later"));
  auto lingering = ConnectAndSend("BAD\r\n\r\n");
  sessions_->CloseAll();
  EXPECT_TRUE(idle->destroyed());
  EXPECT_TRUE(busy->destroyed());
  EXPECT_TRUE(lingering->destroyed());
  EXPECT_EQ(log_, "client-gone ");
  EXPECT_EQ(sessions_->size(), 0U);
}

TEST_F(SessionLifeTest, SetThatIsDestroyedCutsEverything) {
  auto busy = ConnectAndSend(Get("/later"));
  sessions_.reset();
  EXPECT_TRUE(busy->destroyed());
  loop_.Turn();
  EXPECT_EQ(live_handlers_, 0);
  EXPECT_EQ(timers_.armed_count(), 0U);
}

TEST_F(SessionLifeTest, ManySessionsComeAndGoInAnyOrder) {
  std::vector<std::shared_ptr<FakePeer>> peers;
  for (int i = 0; i < 50; ++i) peers.push_back(ConnectAndSend(Get("/ok")));
  for (size_t i = 0; i < peers.size(); i += 3) peers[i]->Kill(ECONNRESET);
  EXPECT_EQ(sessions_->size(), 33U);
  for (size_t i = 1; i < peers.size(); i += 3) {
    peers[i]->Deliver(Get("/ok", "Connection: close\r\n"));
  }
  EXPECT_EQ(sessions_->size(), 16U);
  sessions_->Drain();
  EXPECT_EQ(sessions_->size(), 0U);
}

// Whatever is torn, however little the kernel takes: the answers are all there and in order, and
// whenever the client vanishes, nothing is left behind.
TEST_F(SessionLifeTest, SurvivesRandomSplitsBudgetsAndResets) {
  std::mt19937 random(20);
  const auto below = [&random](size_t bound) { return random() % bound; };
  for (int round = 0; round < 1'000; ++round) {
    std::string requests;
    std::string expected;
    for (size_t n = 1 + below(6); n > 0; --n) {
      const std::string body(below(50), static_cast<char>('a' + n));
      switch (below(4)) {
        case 0:
          requests += Get("/ok");
          expected += "|ok";
          break;
        case 1:
          requests +=
              Post("/echo", "Content-Length: " + std::to_string(body.size()) + "\r\n", body);
          expected += "|" + body;
          break;
        case 2:
          requests += Post("/echo", "Transfer-Encoding: chunked\r\n", "1;x=y\r\nz\r\n0\r\n\r\n");
          expected += "|z";
          break;
        default:
          requests +=
              Post("/early", "Content-Length: " + std::to_string(body.size()) + "\r\n", body);
          expected += "|no";
          break;
      }
    }
    auto peer = Connect();
    const bool dies = below(3) == 0;
    const size_t dies_at = below(requests.size());
    peer->SetBudget(below(400));
    for (size_t at = 0; at < requests.size() && !peer->destroyed();) {
      if (dies && at >= dies_at) peer->Kill(ECONNRESET);
      const size_t size = std::min(1 + below(80), requests.size() - at);
      peer->Deliver(requests.substr(at, size));
      at += size;
      if (below(2) == 0) peer->MakeWritable(below(200));
      if (below(4) == 0) loop_.Advance(below(200));
      peer->Pump();
    }
    if (dies) peer->Kill(ECONNRESET);
    while (!peer->destroyed() && (peer->wants_writable() || peer->paused())) {
      peer->MakeWritable(1 + below(300));
      peer->Pump();
    }
    if (!dies) {
      std::string bodies;
      std::string_view rest = peer->written();
      while (!rest.empty()) {
        const size_t length = rest.find("Content-Length: ");
        const size_t body = rest.find("\r\n\r\n") + 4;
        ASSERT_NE(length, rest.npos);
        const size_t size = std::stoul(std::string(rest.substr(length + 16, 10)));
        bodies += "|" + std::string(rest.substr(body, size));
        rest.remove_prefix(body + size);
      }
      ASSERT_EQ(bodies, expected) << "round " << round;
      peer->DeliverEnd();
    }
    ASSERT_TRUE(peer->destroyed()) << "round " << round;
    loop_.Turn();
    ASSERT_EQ(live_handlers_, 0);
    ASSERT_EQ(sessions_->size(), 0U);
    ASSERT_EQ(timers_.armed_count(), 0U);
  }
}

TEST_F(SessionLifeTest, SessionIsSmall) {
  EXPECT_LE(sizeof(Session), 192U) << "an idle connection has no more than this and its stream";
}

}  // namespace
}  // namespace sluice::server
