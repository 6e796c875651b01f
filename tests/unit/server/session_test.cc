#include "server/session.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "session_fixture.h"

namespace sluice::server {
namespace {

using ::testing::EndsWith;
using testing::FakePeer;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class SessionTest : public SessionFixture {};

// --- Answering ---

TEST_F(SessionTest, AnswersAndKeepsTheConnection) {
  auto peer = ConnectAndSend(Get("/ok"));
  const std::string answer = peer->TakeWritten();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, EndsWith("Connection: keep-alive\r\n\r\nok"));
  EXPECT_EQ(peer->writes(), 1U);
  peer->Deliver(Get("/ok"));
  EXPECT_THAT(peer->TakeWritten(), EndsWith("\r\n\r\nok"));
  EXPECT_FALSE(peer->destroyed());
  EXPECT_EQ(sessions_->size(), 1U);
  ASSERT_EQ(done_.size(), 2U);
  EXPECT_EQ(done_[0].status, 200);
  EXPECT_EQ(done_[0].route, "ok-route");
  EXPECT_EQ(done_[0].method, "GET");
  EXPECT_EQ(done_[0].bytes, answer.size());
  EXPECT_TRUE(done_[0].complete);
}

TEST_F(SessionTest, ExchangeTellsWhoAsks) {
  ConnectAndSend(Get("/ok"));
  auto peer = ConnectAndSend(Get("/later"));
  EXPECT_EQ(exchange_->connection_id(), 101U);
  EXPECT_EQ(exchange_->peer().ToString(), "192.0.2.1:4711");
  EXPECT_EQ(exchange_->started_ns(), loop_.NowNs());
  EXPECT_FALSE(exchange_->client_ended());
}

TEST_F(SessionTest, ClosesWhenTheClientAsksForIt) {
  auto peer = ConnectAndSend(Get("/ok", "Connection: close\r\n"));
  EXPECT_THAT(peer->written(), EndsWith("Connection: close\r\n\r\nok"));
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(sessions_->size(), 0U);
}

TEST_F(SessionTest, Http10ClosesUnlessItAsksToKeep) {
  auto peer = ConnectAndSend("GET /ok HTTP/1.0\r\n\r\n");
  EXPECT_THAT(peer->written(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(peer->destroyed());
  peer = ConnectAndSend("GET /ok HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(peer->written(), HasSubstr("Connection: keep-alive\r\n"));
  EXPECT_FALSE(peer->destroyed());
}

TEST_F(SessionTest, HeadGetsTheLengthWithoutTheBody) {
  auto peer = ConnectAndSend("HEAD /ok HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(peer->written(), HasSubstr("Content-Length: 2\r\n"));
  EXPECT_THAT(peer->written(), EndsWith("\r\n\r\n"));
  EXPECT_FALSE(peer->destroyed());
}

TEST_F(SessionTest, OptionsOfTheServerIsAnsweredHere) {
  auto peer = ConnectAndSend("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(peer->written(), HasSubstr("Allow: GET, HEAD, POST, OPTIONS\r\n"));
  EXPECT_EQ(dispatched_, 0);
}

TEST_F(SessionTest, HandlerAnswersInALaterTurn) {
  auto peer = ConnectAndSend(Get("/later"));
  loop_.Advance(3'000);
  EXPECT_EQ(peer->written(), "");
  AnswerLater();
  EXPECT_EQ(BodyOf(peer->written()), "later");
  EXPECT_EQ(live_handlers_, 1) << "it may be on the stack: deleted at the end of the turn";
  loop_.Turn();
  EXPECT_EQ(live_handlers_, 0);
  ASSERT_EQ(done_.size(), 1U);
  EXPECT_EQ(done_[0].duration_ms, 3'000U);
}

TEST_F(SessionTest, RequestThatNobodyAnswersGets500) {
  auto peer = ConnectAndSend(Get("/none"));
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 500 "));
}

TEST_F(SessionTest, CloseEndsWithoutAnAnswer) {
  auto peer = ConnectAndSend(Get("/close"));
  EXPECT_EQ(peer->written(), "");
  EXPECT_TRUE(peer->destroyed());
  ASSERT_EQ(done_.size(), 1U);
  EXPECT_EQ(done_[0].status, RequestSummary::kClientGone);
}

// --- Refusing ---

TEST_F(SessionTest, RefusedHeadIsAnsweredAndTheConnectionLingers) {
  auto peer = ConnectAndSend("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\nmore of it");
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(peer->written(), HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(BodyOf(peer->written()),
            "{\"error\":\"Bad Request\",\"detail\":\"Host: it must stand once only\"}\n");
  EXPECT_TRUE(peer->shut_down());
  EXPECT_FALSE(peer->destroyed());
  ASSERT_EQ(done_.size(), 1U);
  EXPECT_EQ(done_[0].status, 400);
  EXPECT_EQ(done_[0].method, "") << "there is no request";
  EXPECT_EQ(done_[0].error, "Host: it must stand once only");
  peer->DeliverEnd();
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(done_.size(), 1U);
}

TEST_F(SessionTest, RefusedHeadRequestGetsNoBody) {
  auto peer = ConnectAndSend("HEAD / HTTP/1.1\r\n\r\n");
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(peer->written(), EndsWith("\r\n\r\n"));
}

TEST_F(SessionTest, LingeringDropsWhatComesAndEndsAfterSilence) {
  auto peer = ConnectAndSend("BAD\r\n\r\n");
  peer->Deliver(std::string(100'000, 'x'));
  loop_.Advance(1'900);
  EXPECT_FALSE(peer->destroyed());
  EXPECT_FALSE(peer->paused());
  peer->Deliver("x");
  loop_.Advance(1'900);
  EXPECT_FALSE(peer->destroyed());
  loop_.Advance(200);
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(timers_.armed_count(), 0U);
}

TEST_F(SessionTest, LingeringEndsForAClientThatNeverStops) {
  auto peer = ConnectAndSend("BAD\r\n\r\n");
  int seconds = 0;
  for (; !peer->destroyed() && seconds < 60; ++seconds) {
    peer->Deliver("still sending");
    loop_.Advance(1'000);
  }
  EXPECT_GE(seconds, 5);
  EXPECT_LE(seconds, 12);
}

TEST_F(SessionTest, LingeringEndsAtItsByteLimit) {
  auto peer = ConnectAndSend("BAD\r\n\r\n");
  const std::string mebibyte(1024 * 1024, 'x');
  int count = 0;
  for (; !peer->destroyed() && count < 200; ++count) peer->Deliver(mebibyte);
  EXPECT_EQ(count, 64);
}

TEST_F(SessionTest, TornHeadIsReadWhereverItIsTorn) {
  const std::string request = Get("/ok", "X: y\r\n");
  for (size_t i = 1; i < request.size(); ++i) {
    auto peer = Connect();
    peer->Deliver(request.substr(0, i));
    peer->Deliver(request.substr(i));
    ASSERT_EQ(BodyOf(peer->written()), "ok") << "torn at " << i;
    peer->Kill(ECONNRESET);
    loop_.Turn();
  }
  EXPECT_EQ(sessions_->size(), 0U);
}

// --- Timeouts ---

TEST_F(SessionTest, SlowHeadGets408HoweverItDrips) {
  auto peer = Connect();
  loop_.Advance(2'000);
  const std::string head = Get("/ok", "X: " + std::string(100, 'x') + "\r\n");
  for (size_t i = 0; i < 9; ++i) {
    peer->Deliver(head.substr(i, 1));
    loop_.Advance(1'000);
    ASSERT_EQ(peer->written().empty(), i < 7) << i;
  }
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_TRUE(peer->shut_down());
  loop_.Advance(3'000);
  EXPECT_TRUE(peer->destroyed());
  ASSERT_EQ(done_.size(), 1U);
  EXPECT_EQ(done_[0].status, 408);
}

TEST_F(SessionTest, ConnectionThatNeverSpeaksIsClosedWithoutAWord) {
  auto peer = Connect();
  loop_.Advance(9'900);
  EXPECT_FALSE(peer->destroyed());
  loop_.Advance(300);
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(peer->written(), "");
  EXPECT_TRUE(done_.empty());
}

TEST_F(SessionTest, IdleConnectionIsClosedWithoutAWord) {
  auto peer = ConnectAndSend(Get("/ok"));
  EXPECT_EQ(BodyOf(peer->TakeWritten()), "ok");
  loop_.Advance(74'900);
  EXPECT_FALSE(peer->destroyed());
  loop_.Advance(300);
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(peer->written(), "");
  EXPECT_EQ(done_.size(), 1U);
}

TEST_F(SessionTest, SecondHeadHasItsOwnTime) {
  auto peer = ConnectAndSend(Get("/ok"));
  EXPECT_EQ(BodyOf(peer->TakeWritten()), "ok");
  loop_.Advance(60'000);
  peer->Deliver("G");
  loop_.Advance(9'900);
  EXPECT_EQ(peer->written(), "");
  loop_.Advance(300);
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 408 "));
}

TEST_F(SessionTest, HandlerMayTakeItsTime) {
  auto peer = ConnectAndSend(Get("/later"));
  loop_.Advance(600'000);
  EXPECT_FALSE(peer->destroyed());
  EXPECT_EQ(timers_.armed_count(), 0U);
  AnswerLater();
  EXPECT_EQ(BodyOf(peer->written()), "later");
}

// --- Bodies ---

TEST_F(SessionTest, BodyReachesTheHandlerWhateverItsFraming) {
  auto peer = ConnectAndSend(Post("/echo", "Content-Length: 5\r\n", "hello"));
  EXPECT_EQ(BodyOf(peer->TakeWritten()), "hello");
  peer->Deliver(Post("/echo", "Transfer-Encoding: chunked\r\n", "3\r\nhel\r\n"));
  peer->Deliver("2\r\nlo\r\n0\r\n\r\n");
  EXPECT_EQ(BodyOf(peer->TakeWritten()), "hello");
  peer->Deliver(Get("/echo"));
  EXPECT_EQ(BodyOf(peer->TakeWritten()), "");
  EXPECT_EQ(done_.size(), 3U);
}

TEST_F(SessionTest, BodyWaitsUntilTheHandlerWantsIt) {
  auto peer = ConnectAndSend(Post("/later", "Content-Length: 5\r\n", "hel"));
  EXPECT_TRUE(peer->paused(net::PauseReason::kPipelined));
  peer->Deliver("lo");
  loop_.Turn();
  in_read_body_ = true;
  exchange_->ReadBody();
  in_read_body_ = false;
  EXPECT_EQ(peer->written(), "");
  peer->MakeWritable();
  peer->Pump();
  EXPECT_EQ(BodyOf(peer->written()), "hello");
  EXPECT_FALSE(peer->paused());
}

TEST_F(SessionTest, ContinueIsSentWhenTheBodyIsWanted) {
  auto peer = ConnectAndSend(Post("/echo", "Expect: 100-continue\r\nContent-Length: 2\r\n", ""));
  EXPECT_EQ(peer->TakeWritten(), "HTTP/1.1 100 Continue\r\n\r\n");
  peer->Deliver("hi");
  EXPECT_EQ(BodyOf(peer->TakeWritten()), "hi");
  EXPECT_FALSE(peer->shut_down());
}

TEST_F(SessionTest, ContinueIsLeftOutIfTheBodyIsThere) {
  auto peer = ConnectAndSend(Post("/echo", "Expect: 100-continue\r\nContent-Length: 2\r\n", "hi"));
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(SessionTest, ContinueThatTheKernelDoesNotTakeAtOnceIsNotLost) {
  auto peer = Connect();
  peer->SetBudget(10);
  peer->Deliver(Post("/echo", "Expect: 100-continue\r\nContent-Length: 2\r\n", ""));
  peer->MakeWritable();
  EXPECT_EQ(peer->TakeWritten(), "HTTP/1.1 100 Continue\r\n\r\n");
  peer->Deliver("hi");
  EXPECT_EQ(BodyOf(peer->TakeWritten()), "hi");
}

TEST_F(SessionTest, UnmetExpectationIs417) {
  auto peer = ConnectAndSend(Post("/echo", "Expect: the-worst\r\nContent-Length: 2\r\n", ""));
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 417 "));
}

TEST_F(SessionTest, AnswerWithoutTheAwaitedContinueCloses) {
  auto peer = ConnectAndSend(Post("/early", "Expect: 100-continue\r\nContent-Length: 2\r\n", ""));
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(peer->written(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(peer->shut_down());
}

TEST_F(SessionTest, AnnouncedBodyOverTheLimitIs413BeforeItIsRead) {
  settings_.limits.body_bytes = 4;
  auto peer = ConnectAndSend(Post("/echo", "Expect: 100-continue\r\nContent-Length: 5\r\n", ""));
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 413 Content Too Large\r\n"));
  EXPECT_THAT(peer->written(), HasSubstr("\"detail\":\"body: more than 4 bytes\""));
  EXPECT_EQ(log_, "client-gone ");
  EXPECT_TRUE(peer->shut_down());
  loop_.Turn();
  EXPECT_EQ(live_handlers_, 0);
}

TEST_F(SessionTest, ChunkedBodyOverTheLimitIs413) {
  settings_.limits.body_bytes = 4;
  auto peer =
      ConnectAndSend(Post("/echo", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n3\r\ndef\r\n"));
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 413 "));
  EXPECT_EQ(log_, "client-gone ");
}

TEST_F(SessionTest, BrokenChunkIs400) {
  auto peer = ConnectAndSend(Post("/echo", "Transfer-Encoding: chunked\r\n", "3\r\nabcX"));
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(log_, "client-gone ");
  EXPECT_TRUE(peer->shut_down());
}

TEST_F(SessionTest, StalledBodyIs408) {
  auto peer = ConnectAndSend(Post("/echo", "Content-Length: 5\r\n", "h"));
  loop_.Advance(9'000);
  peer->Deliver("e");
  loop_.Advance(9'000);
  EXPECT_EQ(peer->written(), "");
  loop_.Advance(1'200);
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(log_, "client-gone ");
}

TEST_F(SessionTest, HandlerMayAnswerInsideTheBody) {
  answer_at_ = "cd";
  auto peer = ConnectAndSend(Post("/echo", "Transfer-Encoding: chunked\r\n",
                                  "2\r\nab\r\n2\r\ncd\r\n2\r\nef\r\n0\r\n\r\n") +
                             Get("/ok"));
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(CountOf(peer->written(), "HTTP/1.1 "), 2U) << "the body was whole: the next is served";
  EXPECT_THAT(peer->written(), EndsWith("\r\n\r\nok"));
  EXPECT_EQ(log_, "");
}

TEST_F(SessionTest, SmallUnreadBodyIsSkipped) {
  auto peer = ConnectAndSend(Post("/early", "Content-Length: 6\r\n", "abc"));
  EXPECT_THAT(peer->TakeWritten(), HasSubstr("Connection: keep-alive\r\n"));
  peer->Deliver("def" + Get("/ok"));
  EXPECT_EQ(BodyOf(peer->TakeWritten()), "ok");
}

TEST_F(SessionTest, SkippedBodyThatStallsEndsTheConnection) {
  auto peer = ConnectAndSend(Post("/early", "Content-Length: 6\r\n", "abc"));
  loop_.Advance(10'200);
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(done_.size(), 1U);
}

TEST_F(SessionTest, LargeUnreadBodyClosesTheConnection) {
  auto peer = ConnectAndSend(Post("/early", "Content-Length: 100000\r\n", "abc"));
  EXPECT_THAT(peer->written(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(peer->shut_down());
  peer->Deliver(std::string(99'997, 'x') + Get("/ok"));
  EXPECT_EQ(CountOf(peer->written(), "HTTP/1.1 "), 1U) << "what follows is never read as a request";
}

TEST_F(SessionTest, UnfinishedChunkedBodyClosesTheConnection) {
  auto peer = ConnectAndSend(Post("/early", "Transfer-Encoding: chunked\r\n", "2\r\nab\r\n"));
  EXPECT_THAT(peer->written(), HasSubstr("Connection: close\r\n"));
  peer = ConnectAndSend(Post("/early", "Transfer-Encoding: chunked\r\n", "2\r\nab\r\n0\r\n\r\n"));
  EXPECT_THAT(peer->written(), HasSubstr("Connection: keep-alive\r\n"));
}

// --- Pipelining ---

TEST_F(SessionTest, PipelinedRequestsAreAnsweredInOrder) {
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

TEST_F(SessionTest, GarbageBehindARequestDoesNotSpoilItsAnswer) {
  auto peer = ConnectAndSend(Get("/later") + "\x01\x02garbage");
  EXPECT_EQ(peer->written(), "");
  AnswerLater();
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(peer->written(), HasSubstr("later"
                                         "HTTP/1.1 400 "));
}

TEST_F(SessionTest, BytesBehindTheLastRequestAreDropped) {
  auto peer = ConnectAndSend(Get("/ok", "Connection: close\r\n") + Get("/ok"));
  EXPECT_EQ(CountOf(peer->written(), "HTTP/1.1 "), 1U);
  EXPECT_EQ(dispatched_, 1);
  EXPECT_TRUE(peer->shut_down()) << "bytes are unread: a plain close could cost the answer";
}

TEST_F(SessionTest, ManyPipelinedRequestsTakeTurns) {
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

TEST_F(SessionTest, AnswerThatTheKernelDoesNotTakeAtOnceGoesOnLater) {
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

TEST_F(SessionTest, ClientThatNeverReadsIsCut) {
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

TEST_F(SessionTest, ResetInTheMiddleOfAWriteEndsTheSession) {
  auto peer = Connect();
  peer->SetBudget(1'000);
  peer->Deliver(Get("/big"));
  peer->Kill(ECONNRESET);
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(sessions_->size(), 0U);
  EXPECT_FALSE(done_.at(0).complete);
}

TEST_F(SessionTest, WriteThatFailsEndsTheSession) {
  auto peer = Connect();
  peer->FailWrites(EPIPE);
  peer->Deliver(Get("/ok"));
  EXPECT_TRUE(peer->destroyed());
  ASSERT_EQ(done_.size(), 1U);
  EXPECT_FALSE(done_[0].complete);
  EXPECT_EQ(done_[0].bytes, 0U);
}

TEST_F(SessionTest, WriteOfContinueThatFailsTellsTheHandler) {
  auto peer = Connect();
  peer->FailWrites(EPIPE);
  peer->Deliver(Post("/echo", "Expect: 100-continue\r\nContent-Length: 2\r\n", ""));
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(log_, "client-gone ");
}

TEST_F(SessionTest, HandlerIsToldThatTheClientHasGone) {
  auto peer = ConnectAndSend(Get("/later"));
  peer->Kill(ECONNRESET);
  EXPECT_EQ(log_, "client-gone ");
  loop_.Turn();
  EXPECT_EQ(live_handlers_, 0);
  ASSERT_EQ(done_.size(), 1U);
  EXPECT_EQ(done_[0].status, RequestSummary::kClientGone);
  EXPECT_EQ(done_[0].method, "GET");
}

TEST_F(SessionTest, HalfClosedClientGetsItsAnswer) {
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

TEST_F(SessionTest, HalfClosedClientGetsAllPipelinedAnswers) {
  auto peer = ConnectAndSend(Get("/later") + Get("/ok") + Get("/ok"));
  peer->DeliverEnd();
  AnswerLater();
  peer->Pump();
  EXPECT_EQ(CountOf(peer->written(), "HTTP/1.1 200"), 3U);
  EXPECT_TRUE(peer->destroyed());
}

TEST_F(SessionTest, EndWithoutARequestCloses) {
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

TEST_F(SessionTest, EndInsideTheBodyIsAClientGone) {
  auto peer = ConnectAndSend(Post("/echo", "Content-Length: 5\r\n", "he"));
  peer->DeliverEnd();
  EXPECT_EQ(log_, "client-end client-gone ");
  EXPECT_TRUE(peer->destroyed());
}

// --- Taking the stream ---

TEST_F(SessionTest, TakenStreamLeavesNothingBehind) {
  auto peer = ConnectAndSend(Get("/take"));
  EXPECT_NE(taken_, nullptr);
  EXPECT_EQ(sessions_->size(), 0U);
  loop_.Turn();
  EXPECT_EQ(live_handlers_, 0);
  EXPECT_FALSE(peer->destroyed());
  EXPECT_EQ(timers_.armed_count(), 0U);
  EXPECT_EQ(log_, "");
  EXPECT_TRUE(done_.empty());
}

TEST_F(SessionTest, StreamTakenLaterIsReadAgain) {
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

TEST_F(SessionTest, DrainClosesIdleConnectionsAndFinishesTheOthers) {
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

TEST_F(SessionTest, DrainInTheMiddleOfAnAnswerClosesAfterIt) {
  auto peer = Connect();
  peer->SetBudget(1'000);
  peer->Deliver(Get("/big"));
  sessions_->Drain();
  peer->MakeWritable();
  EXPECT_EQ(CountOf(peer->written(), "b"), 100'000U);
  EXPECT_TRUE(peer->shut_down());
}

TEST_F(SessionTest, CloseAllCutsEverything) {
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

TEST_F(SessionTest, SetThatIsDestroyedCutsEverything) {
  auto busy = ConnectAndSend(Get("/later"));
  sessions_.reset();
  EXPECT_TRUE(busy->destroyed());
  loop_.Turn();
  EXPECT_EQ(live_handlers_, 0);
  EXPECT_EQ(timers_.armed_count(), 0U);
}

TEST_F(SessionTest, ManySessionsComeAndGoInAnyOrder) {
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
TEST_F(SessionTest, SurvivesRandomSplitsBudgetsAndResets) {
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

TEST_F(SessionTest, SessionIsSmall) {
  EXPECT_LE(sizeof(Session), 800U);
}

}  // namespace
}  // namespace sluice::server
