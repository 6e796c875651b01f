// A session's answers in pieces.
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/server/notes_fixture.h"

namespace sluice::server {
namespace {

using ::testing::IsEmpty;

using SessionPiecesTest = NotesFixture;

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

}  // namespace
}  // namespace sluice::server
