// A session's answers in pieces, and what else a handler may do with its exchange.
#include <functional>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/server/session_fixture.h"

namespace sluice::server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr auto kPipelined = net::PauseReason::kPipelined;

class SessionPiecesTest : public SessionFixture {
 protected:
  // Writes down what it is told; the test does the rest, by exchange_.
  class Notes : public Handler {
   public:
    Notes(SessionPiecesTest& test, Exchange& exchange) : Handler(test, exchange), test_(test) {}
    void OnBody(std::string_view bytes) override {
      test_.Tell("body:" + std::string(bytes));
      if (test_.on_body_) test_.on_body_();
    }
    void OnBodyEnd(std::string_view trailers) override {
      test_.Tell("body-end:" + std::string(trailers));
    }
    void OnAnswerSent() override {
      test_.Tell("sent");
      if (test_.on_sent_) test_.on_sent_();
    }
    void OnClientEnd() override { test_.Tell("client-end"); }
    void OnClientGone() override {
      test_.Tell("client-gone");
      if (test_.on_gone_) test_.on_gone_();
    }

   private:
    SessionPiecesTest& test_;
  };

  std::unique_ptr<RequestHandler> Dispatch(Exchange& exchange) override {
    ++dispatched_;
    auto handler = std::make_unique<Notes>(*this, exchange);
    if (on_dispatch_) on_dispatch_(exchange);
    return handler;
  }
  void OnRequestDone(const RequestSummary& summary) override {
    server_ = summary.upstream != nullptr ? summary.upstream->name : std::string_view();
    SessionFixture::OnRequestDone(summary);
  }

  void Tell(const std::string& what) { log_ += what + " "; }
  std::string Told() { return std::exchange(log_, {}); }

  // Begins an answer of unknown length, as the client has to have it.
  AnswerFraming StartUnknown() {
    const AnswerFraming framing = exchange_->PlanAnswer(false);
    exchange_->StartAnswer(200, "HEAD\r\n\r\n", framing);
    return framing;
  }
  void Send(std::string_view bytes) {
    exchange_->SendBody(bytes);
    exchange_->FlushAnswer();
  }

  std::function<void(Exchange&)> on_dispatch_;
  std::function<void()> on_body_;
  std::function<void()> on_sent_;
  std::function<void()> on_gone_;
  std::string server_;  // of the last request that is over
};

// --- framing ---

TEST_F(SessionPiecesTest, FramingFollowsTheRequest) {
  struct Case {
    std::string request;
    bool delimited;
    bool chunked;
    bool keep_alive;
  };
  const Case cases[] = {
      {Get("/"), true, false, true},
      {Get("/"), false, true, true},
      {Get("/", "Connection: close\r\n"), true, false, false},
      {Get("/", "Connection: close\r\n"), false, true, false},
      {"GET / HTTP/1.0\r\n\r\n", true, false, false},
      {"GET / HTTP/1.0\r\n\r\n", false, false, false},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, false, true},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false, false, false},
      // A body of which much is missing would have to be read first; and one whose sender waits
      // for 100 may or may not come.
      {Post("/", "Content-Length: 60000\r\n", "a"), true, false, true},
      {Post("/", "Content-Length: 900000\r\n", "a"), true, false, false},
      {Post("/", "Transfer-Encoding: chunked\r\n", "1\r\na\r\n"), true, false, false},
      {Post("/", "Content-Length: 5\r\nExpect: 100-continue\r\n", ""), true, false, false},
  };
  for (const Case& c : cases) {
    const auto peer = ConnectAndSend(c.request);
    const AnswerFraming framing = exchange_->PlanAnswer(c.delimited);
    EXPECT_EQ(framing.chunked, c.chunked) << c.request;
    EXPECT_EQ(framing.keep_alive, c.keep_alive) << c.request;
    peer->Kill(ECONNRESET);
    loop_.Turn();
  }
}

TEST_F(SessionPiecesTest, ClientThatHasEndedAndADrainAreNotKept) {
  auto peer = ConnectAndSend(Get("/"));
  peer->DeliverEnd();
  EXPECT_FALSE(exchange_->PlanAnswer(true).keep_alive);
  peer = ConnectAndSend(Get("/"));
  sessions_->Drain();
  EXPECT_FALSE(exchange_->PlanAnswer(true).keep_alive);
}

TEST_F(SessionPiecesTest, PiecesOfOneFlushAreOneChunkAndOneWrite) {
  const auto peer = ConnectAndSend(Get("/"));
  StartUnknown();
  exchange_->SendBody("hello, ");
  exchange_->SendBody("world");
  EXPECT_THAT(peer->written(), IsEmpty());
  exchange_->FlushAnswer();
  EXPECT_EQ(peer->TakeWritten(), "HEAD\r\n\r\nc\r\nhello, world\r\n");
  EXPECT_EQ(peer->writes(), 1U);
  exchange_->SendBody("end");
  exchange_->EndAnswer("Took: 3\r\n");
  EXPECT_EQ(peer->written(), "3\r\nend\r\n0\r\nTook: 3\r\n\r\n");
  EXPECT_EQ(peer->writes(), 2U);
  ASSERT_EQ(done_.size(), 1U);
  EXPECT_TRUE(done_[0].complete);
  EXPECT_EQ(done_[0].bytes, 8U + 17 + 22);
  EXPECT_EQ(done_[0].body_bytes, 17U + 22);
  loop_.Turn();
  peer->Deliver(Get("/"));
  EXPECT_EQ(dispatched_, 2) << "the connection is kept";
}

TEST_F(SessionPiecesTest, MorePiecesThanFitAreMoreChunks) {
  const auto peer = ConnectAndSend(Get("/"));
  StartUnknown();
  for (int i = 0; i < 20; ++i) exchange_->SendBody("ab");
  exchange_->EndAnswer({});
  EXPECT_EQ(BodyOf(peer->written()),
            "10\r\nabababababababab\r\n10\r\nabababababababab\r\n8\r\nabababab\r\n0\r\n\r\n");
}

TEST_F(SessionPiecesTest, FlushOfNothingSendsTheHead) {
  const auto peer = ConnectAndSend(Get("/"));
  StartUnknown();
  exchange_->FlushAnswer();
  EXPECT_EQ(peer->TakeWritten(), "HEAD\r\n\r\n");
  exchange_->FlushAnswer();
  EXPECT_THAT(peer->written(), IsEmpty()) << "an empty chunk would be the end";
}

TEST_F(SessionPiecesTest, AbortShowsThatTheRestIsMissing) {
  const auto peer = ConnectAndSend(Get("/"));
  StartUnknown();
  exchange_->SendBody("hello");
  exchange_->AbortAnswer();
  EXPECT_EQ(BodyOf(peer->written()), "5\r\nhello\r\n") << "what has come, and no last chunk";
  EXPECT_TRUE(peer->destroyed());
  ASSERT_EQ(done_.size(), 1U);
  EXPECT_FALSE(done_[0].complete);
  EXPECT_EQ(done_[0].status, 200);
  EXPECT_THAT(Told(), IsEmpty()) << "the handler ended it itself";
}

TEST_F(SessionPiecesTest, AbortWaitsForASlowClient) {
  const auto peer = ConnectAndSend(Get("/"));
  StartUnknown();
  peer->SetBudget(4);
  exchange_->SendBody("hello");
  exchange_->AbortAnswer();
  EXPECT_FALSE(peer->destroyed());
  peer->MakeWritable();
  EXPECT_EQ(peer->written(), "HEAD\r\n\r\n5\r\nhello\r\n");
  EXPECT_TRUE(peer->destroyed());
}

// --- backpressure ---

TEST_F(SessionPiecesTest, WhatTheClientDoesNotTakeIsCountedAndToldOnceItIsGone) {
  const auto peer = ConnectAndSend(Get("/"));
  StartUnknown();
  peer->SetBudget(10);
  std::string bytes = "hello";
  Send(bytes);
  bytes = "XXXXX";  // it was copied
  EXPECT_EQ(exchange_->unsent(), 8U);
  Send("more");
  EXPECT_EQ(exchange_->unsent(), 17U);
  EXPECT_EQ(peer->write_calls(), 1U) << "nothing is tried while nothing is taken";
  peer->MakeWritable(7);
  EXPECT_THAT(Told(), IsEmpty());
  on_sent_ = [this] { Send("again"); };
  peer->MakeWritable(10);
  EXPECT_EQ(Told(), "sent ");
  EXPECT_EQ(exchange_->unsent(), 10U);
  on_sent_ = nullptr;
  peer->MakeWritable();
  EXPECT_EQ(Told(), "sent ");
  EXPECT_EQ(peer->written(), "HEAD\r\n\r\n5\r\nhello\r\n4\r\nmore\r\n5\r\nagain\r\n");
}

TEST_F(SessionPiecesTest, HandlerMayEndTheAnswerWhenItIsSent) {
  const auto peer = ConnectAndSend(Get("/") + Get("/"));
  StartUnknown();
  peer->SetBudget(0);
  Send("hello");
  on_sent_ = [this] { exchange_->EndAnswer({}); };
  peer->MakeWritable();
  EXPECT_EQ(peer->written(), "HEAD\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  EXPECT_EQ(dispatched_, 2) << "the request behind it has its turn";
}

TEST_F(SessionPiecesTest, ClientThatTakesAByteNowAndThenIsNotCut) {
  const auto peer = ConnectAndSend(Get("/"));
  StartUnknown();
  peer->SetBudget(0);
  Send("hello");
  for (int i = 0; i < 5; ++i) {
    loop_.Advance(settings_.write_timeout_ms - 1'000);
    ASSERT_FALSE(peer->destroyed());
    peer->MakeWritable(1);
  }
  loop_.Advance(settings_.write_timeout_ms + 200);
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(Told(), "client-gone ");
  ASSERT_EQ(done_.size(), 1U);
  EXPECT_EQ(done_[0].status, 200);
  EXPECT_FALSE(done_[0].complete);
}

TEST_F(SessionPiecesTest, SilenceOfTheHandlerIsNotTheClients) {
  const auto peer = ConnectAndSend(Get("/"));
  StartUnknown();
  Send("hello");
  loop_.Advance(3'600'000);
  EXPECT_FALSE(peer->destroyed());
}

TEST_F(SessionPiecesTest, WriteThatFailsIsToldLater) {
  const auto peer = ConnectAndSend(Get("/"));
  StartUnknown();
  peer->FailWrites(EPIPE);
  Send("hello");
  Send("more");
  EXPECT_THAT(Told(), IsEmpty()) << "whoever called still needs the exchange";
  peer->MakeWritable();
  EXPECT_EQ(Told(), "client-gone ");
  EXPECT_TRUE(peer->destroyed());
}

TEST_F(SessionPiecesTest, AnswerMayEndAfterAWriteThatFailed) {
  const auto peer = ConnectAndSend(Get("/"));
  StartUnknown();
  peer->FailWrites(EPIPE);
  Send("hello");
  exchange_->EndAnswer({});
  EXPECT_TRUE(peer->destroyed());
  EXPECT_THAT(Told(), IsEmpty());
  ASSERT_EQ(done_.size(), 1U);
  EXPECT_FALSE(done_[0].complete);
}

TEST_F(SessionPiecesTest, HandlerThatIsToldTheClientHasGoneMayStillSayWhoseItWas) {
  const auto peer = ConnectAndSend(Get("/"));
  on_gone_ = [this] { exchange_->upstream().name = "app"; };
  peer->Kill(ECONNRESET);
  EXPECT_EQ(server_, "app");
  EXPECT_EQ(done_.back().status, 499);
}

// --- interim answers ---

TEST_F(SessionPiecesTest, InterimAnswersComeBeforeTheAnswer) {
  const auto peer = ConnectAndSend(Get("/"));
  exchange_->SendInterim("HTTP/1.1 103 Early Hints\r\n\r\n");
  EXPECT_THAT(peer->written(), IsEmpty()) << "it may go with the answer";
  peer->MakeWritable();
  EXPECT_EQ(peer->TakeWritten(), "HTTP/1.1 103 Early Hints\r\n\r\n");
  exchange_->SendInterim("HTTP/1.1 102 Processing\r\n\r\n");
  StartUnknown();
  exchange_->EndAnswer({});
  EXPECT_EQ(peer->written(), "HTTP/1.1 102 Processing\r\n\r\nHEAD\r\n\r\n0\r\n\r\n");
}

TEST_F(SessionPiecesTest, InterimAnswersAreNotForHttp10) {
  const auto peer = ConnectAndSend("GET / HTTP/1.0\r\n\r\n");
  exchange_->SendInterim("HTTP/1.1 103 Early Hints\r\n\r\n");
  peer->MakeWritable();
  EXPECT_THAT(peer->written(), IsEmpty());
}

TEST_F(SessionPiecesTest, AnswerBehindAnInterimOneThatNobodyTakesHasItsTime) {
  const auto peer = ConnectAndSend(Get("/"));
  peer->SetBudget(5);
  exchange_->SendInterim("HTTP/1.1 103 Early Hints\r\n\r\n");
  peer->MakeWritable(5);
  StartUnknown();
  Send("hello");
  loop_.Advance(settings_.write_timeout_ms + 200);
  EXPECT_TRUE(peer->destroyed());
}

// --- the request's body ---

TEST_F(SessionPiecesTest, BodyOverTheHandlersOwnLimitIsRefused) {
  on_dispatch_ = [](Exchange& exchange) { exchange.ReadBody(3); };
  auto peer = ConnectAndSend(Post("/", "Content-Length: 4\r\n", ""));
  EXPECT_EQ(Told(), "client-gone ");
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 413 "));
  peer = ConnectAndSend(Post("/", "Transfer-Encoding: chunked\r\n", "2\r\nab\r\n2\r\ncd\r\n"));
  EXPECT_THAT(Told(), EndsWith("client-gone "));
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 413 "));
  ConnectAndSend(Post("/", "Content-Length: 3\r\n", "abc"));
  EXPECT_EQ(Told(), "body:abc body-end: ");
}

TEST_F(SessionPiecesTest, LimitOfTheHandlerMayBeAboveTheUsualOne) {
  settings_.limits.body_bytes = 2;
  on_dispatch_ = [](Exchange& exchange) { exchange.ReadBody(10); };
  ConnectAndSend(Post("/", "Content-Length: 4\r\n", "abcd"));
  EXPECT_EQ(Told(), "body:abcd body-end: ");
}

TEST_F(SessionPiecesTest, PausedBodyWaitsAndTheClientMayTakeItsTime) {
  on_dispatch_ = [](Exchange& exchange) { exchange.ReadBody(); };
  on_body_ = [this] { exchange_->PauseBody(); };
  const auto peer = ConnectAndSend(Post("/", "Content-Length: 6\r\n", "ab"));
  EXPECT_EQ(Told(), "body:ab ");
  peer->Deliver("cd");
  EXPECT_TRUE(peer->paused(kPipelined)) << "no more is read than can be given on";
  loop_.Advance(settings_.body_timeout_ms * 3);
  EXPECT_FALSE(peer->destroyed());
  EXPECT_THAT(Told(), IsEmpty());
  exchange_->ResumeBody();
  EXPECT_EQ(Told(), "body:cd ");
  EXPECT_FALSE(peer->paused());
  exchange_->ResumeBody();
  loop_.Advance(settings_.body_timeout_ms + 200);
  EXPECT_THAT(peer->written(), StartsWith("HTTP/1.1 408 ")) << "now it is the client's turn";
}

TEST_F(SessionPiecesTest, PausedBodyKeepsItsEndBack) {
  on_dispatch_ = [](Exchange& exchange) { exchange.ReadBody(); };
  on_body_ = [this] { exchange_->PauseBody(); };
  ConnectAndSend(Post("/", "Transfer-Encoding: chunked\r\n", "2\r\nab\r\n0\r\nA: b\r\n\r\n"));
  EXPECT_EQ(Told(), "body:ab ");
  EXPECT_TRUE(exchange_->request_complete());
  exchange_->ResumeBody();
  EXPECT_EQ(Told(), "body-end:A: b\r\n ");
}

TEST_F(SessionPiecesTest, BodyGoesOnWhileTheAnswerWaitsForTheClient) {
  on_dispatch_ = [](Exchange& exchange) { exchange.ReadBody(); };
  const auto peer = ConnectAndSend(Post("/", "Content-Length: 6\r\n", "ab"));
  StartUnknown();
  peer->SetBudget(0);
  Send("early");
  exchange_->PauseBody();
  peer->Deliver("cd");
  exchange_->ResumeBody();
  EXPECT_EQ(Told(), "body:ab body:cd ");
  exchange_->PauseBody();
  peer->Deliver("ef");
  peer->MakeWritable(3);
  exchange_->ResumeBody();
  EXPECT_EQ(Told(), "body:ef body-end: ");
}

TEST_F(SessionPiecesTest, AnswerMayEndInsideTheBody) {
  on_dispatch_ = [](Exchange& exchange) { exchange.ReadBody(); };
  on_body_ = [this] {
    StartUnknown();
    exchange_->EndAnswer({});
  };
  const auto peer = Connect();
  peer->SetBudget(0);
  peer->Deliver(Post("/", "Content-Length: 6\r\n", "ab"));
  loop_.Advance(settings_.body_timeout_ms + 200);
  EXPECT_FALSE(peer->destroyed()) << "it has the time of an answer, not of a body";
  peer->MakeWritable();
  EXPECT_EQ(peer->written(), "HEAD\r\n\r\n0\r\n\r\n");
  peer->Deliver("cdef" + Get("/"));
  EXPECT_EQ(dispatched_, 2);
}

TEST_F(SessionPiecesTest, BodyThatBreaksBehindAnAnswerThatBeganCutsIt) {
  on_dispatch_ = [](Exchange& exchange) { exchange.ReadBody(); };
  const auto peer = ConnectAndSend(Post("/", "Transfer-Encoding: chunked\r\n", "2\r\nab\r\n"));
  StartUnknown();
  Send("early");
  peer->Deliver("no chunk\r\n");
  EXPECT_EQ(Told(), "body:ab client-gone ");
  EXPECT_TRUE(peer->destroyed());
  EXPECT_THAT(peer->written(), EndsWith("5\r\nearly\r\n"));
}

// --- tunnels ---

TEST_F(SessionPiecesTest, TunnelCarriesBytesAsTheyAre) {
  const auto peer = ConnectAndSend(Get("/", "Connection: keep-alive\r\n") + "early");
  exchange_->StartTunnel("101\r\n\r\n");
  EXPECT_EQ(peer->TakeWritten(), "101\r\n\r\n");
  peer->MakeWritable();
  EXPECT_EQ(Told(), "body:early ");
  peer->Deliver("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(Told(), "body:GET / HTTP/1.1\r\n\r\n ");
  Send("back");
  EXPECT_EQ(peer->TakeWritten(), "back");
  loop_.Advance(3'600'000);
  EXPECT_FALSE(peer->destroyed()) << "its time is the handler's affair";
  peer->DeliverEnd();
  EXPECT_EQ(Told(), "client-end ");
  exchange_->EndAnswer({});
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(done_.back().status, 101);
  EXPECT_TRUE(done_.back().complete);
}

TEST_F(SessionPiecesTest, TunnelPausesWhileTheClientReadsNothing) {
  const auto peer = ConnectAndSend(Get("/"));
  exchange_->StartTunnel("101\r\n\r\n");
  peer->SetBudget(0);
  Send("waits");
  exchange_->PauseBody();
  peer->Deliver("one");
  EXPECT_TRUE(peer->paused(kPipelined));
  EXPECT_THAT(Told(), IsEmpty());
  exchange_->ResumeBody();
  EXPECT_EQ(Told(), "body:one ");
  EXPECT_FALSE(peer->paused());
}

// --- handing on ---

TEST_F(SessionPiecesTest, NextHandlerGoesOnWithTheRequest) {
  const auto peer = ConnectAndSend(Post("/", "Content-Length: 2\r\n", "ab"));
  exchange_->PassOn([this](Exchange& exchange) {
    Tell("next");
    exchange.ReadBody();
    return std::make_unique<Notes>(*this, exchange);
  });
  EXPECT_THAT(Told(), IsEmpty());
  peer->MakeWritable();
  EXPECT_EQ(Told(), "next body:ab body-end: ");
  loop_.Turn();
  EXPECT_EQ(live_handlers_, 1) << "the first one is gone";
  AnswerLater();
  EXPECT_THAT(peer->written(), EndsWith("later"));
}

TEST_F(SessionPiecesTest, NextHandlerGetsNoBodyThatWasReadBefore) {
  on_dispatch_ = [](Exchange& exchange) { exchange.ReadBody(); };
  const auto peer = ConnectAndSend(Post("/", "Content-Length: 2\r\n", "ab"));
  EXPECT_EQ(Told(), "body:ab body-end: ");
  exchange_->PassOn(
      [this](Exchange& exchange) { return std::make_unique<Notes>(*this, exchange); });
  peer->MakeWritable();
  EXPECT_THAT(Told(), IsEmpty());
  AnswerLater();
  EXPECT_THAT(peer->written(), EndsWith("later"));
}

TEST_F(SessionPiecesTest, ClientThatGoesBeforeTheNextHandlerIsMadeIsNotItsAffair) {
  const auto peer = ConnectAndSend(Get("/"));
  exchange_->PassOn([this](Exchange&) -> std::unique_ptr<RequestHandler> {
    Tell("next");
    return nullptr;
  });
  peer->Kill(ECONNRESET);
  loop_.Turn();
  EXPECT_THAT(Told(), IsEmpty());
  EXPECT_EQ(done_.back().status, 499);
}

TEST_F(SessionPiecesTest, RedirectedRequestIsWhatHandlersSeeAndNotWhatIsLogged) {
  const auto peer = ConnectAndSend(Post("/first", "Content-Length: 0\r\n", ""));
  http::RequestLimits limits;
  http::RequestParser parser(limits);
  ASSERT_EQ(parser.Feed(Get("/second"), nullptr).event, http::RequestParser::Event::kHead);
  exchange_->Redirect(parser.request());
  exchange_->set_kept_fields({{"Set-Cookie", "a=b"}});
  exchange_->set_kept_fields({{"Set-Cookie", "c=d"}});
  exchange_->set_limit_rate(5);
  EXPECT_EQ(exchange_->request().path().text(), "/second");
  EXPECT_EQ(exchange_->redirects(), 1);
  EXPECT_EQ(exchange_->kept_fields()->size(), 2U);
  EXPECT_EQ(exchange_->limit_rate(), 5U);
  AnswerLater();
  EXPECT_EQ(done_.back().method, "POST");
  peer->Deliver(Get("/third"));
  EXPECT_EQ(exchange_->request().path().text(), "/third");
  EXPECT_EQ(exchange_->redirects(), 0);
  EXPECT_EQ(exchange_->kept_fields(), nullptr);
  EXPECT_EQ(exchange_->limit_rate(), std::nullopt);
}

}  // namespace
}  // namespace sluice::server
