#include "server/session.h"

#include <cerrno>
#include <string>

#include "unit/server/session_fixture.h"

namespace sluice::server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// One request and its answer at a time.
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

TEST_F(SessionTest, BodyIsCountedApartFromHeads) {
  auto peer = ConnectAndSend(Post("/echo", "Expect: 100-continue\r\nContent-Length: 2\r\n", ""));
  peer->Deliver("hi" + Get("/ok"));
  peer->Deliver("HEAD /ok HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_EQ(done_.size(), 3U);
  for (const Done& done : done_) EXPECT_GT(done.bytes, 50U);
  EXPECT_EQ(done_[0].body_bytes, 2U);
  EXPECT_EQ(done_[1].body_bytes, 2U);
  EXPECT_EQ(done_[2].body_bytes, 0U);
}

TEST_F(SessionTest, SubjectIsOfOneRequestOnly) {
  auto peer = ConnectAndSend(Get("/ok", "Subject: ann\r\n") + Get("/early"));
  ASSERT_EQ(done_.size(), 2U);
  EXPECT_EQ(done_[0].subject, "ann");
  EXPECT_EQ(done_[1].subject, "");
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

}  // namespace
}  // namespace sluice::server
