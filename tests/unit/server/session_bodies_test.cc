// What a session's handler may do with its request: take the body at its own pace, open a tunnel,
// hand it on.
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/server/notes_fixture.h"

namespace sluice::server {
namespace {

using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr auto kPipelined = net::PauseReason::kPipelined;

using SessionBodiesTest = NotesFixture;

// --- the request's body ---

TEST_F(SessionBodiesTest, BodyOverTheHandlersOwnLimitIsRefused) {
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

TEST_F(SessionBodiesTest, LimitOfTheHandlerMayBeAboveTheUsualOne) {
  settings_.limits.body_bytes = 2;
  on_dispatch_ = [](Exchange& exchange) { exchange.ReadBody(10); };
  ConnectAndSend(Post("/", "Content-Length: 4\r\n", "abcd"));
  EXPECT_EQ(Told(), "body:abcd body-end: ");
}

TEST_F(SessionBodiesTest, PausedBodyWaitsAndTheClientMayTakeItsTime) {
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

TEST_F(SessionBodiesTest, PausedBodyKeepsItsEndBack) {
  on_dispatch_ = [](Exchange& exchange) { exchange.ReadBody(); };
  on_body_ = [this] { exchange_->PauseBody(); };
  ConnectAndSend(Post("/", "Transfer-Encoding: chunked\r\n", "2\r\nab\r\n0\r\nA: b\r\n\r\n"));
  EXPECT_EQ(Told(), "body:ab ");
  EXPECT_TRUE(exchange_->request_complete());
  exchange_->ResumeBody();
  EXPECT_EQ(Told(), "body-end:A: b\r\n ");
}

TEST_F(SessionBodiesTest, BodyGoesOnWhileTheAnswerWaitsForTheClient) {
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

TEST_F(SessionBodiesTest, AnswerMayEndInsideTheBody) {
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

TEST_F(SessionBodiesTest, BodyThatBreaksBehindAnAnswerThatBeganCutsIt) {
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

TEST_F(SessionBodiesTest, TunnelCarriesBytesAsTheyAre) {
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

TEST_F(SessionBodiesTest, TunnelPausesWhileTheClientReadsNothing) {
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

TEST_F(SessionBodiesTest, NextHandlerGoesOnWithTheRequest) {
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

TEST_F(SessionBodiesTest, NextHandlerGetsNoBodyThatWasReadBefore) {
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

TEST_F(SessionBodiesTest, ClientThatGoesBeforeTheNextHandlerIsMadeIsNotItsAffair) {
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

TEST_F(SessionBodiesTest, RedirectedRequestIsWhatHandlersSeeAndNotWhatIsLogged) {
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
