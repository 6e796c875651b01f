// A client that ends its side while the session does not read from it.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/server/notes_fixture.h"

namespace sluice::server {
namespace {

using ::testing::IsEmpty;

constexpr auto kPipelined = net::PauseReason::kPipelined;

using SessionEndWaitsTest = NotesFixture;

TEST_F(SessionEndWaitsTest, EndBehindABodyThatWaitsIsTold) {
  on_dispatch_ = [](Exchange& exchange) { exchange.ReadBody(); };
  on_body_ = [this] { exchange_->PauseBody(); };
  const auto peer = ConnectAndSend(Post("/", "Content-Length: 6\r\n", "ab"));
  peer->Deliver("cd");
  EXPECT_EQ(Told(), "body:ab ");
  peer->DeliverEnd();
  EXPECT_EQ(Told(), "client-end ");
  EXPECT_FALSE(peer->destroyed()) << "it is the handler's affair";
  exchange_->ResumeBody();
  exchange_->ResumeBody();
  peer->Pump();
  EXPECT_EQ(Told(), "body:cd client-end client-gone ") << "a part of the body is missing";
}

TEST_F(SessionEndWaitsTest, TunnelHearsOfTheClientsEndBehindItsBytes) {
  const auto peer = ConnectAndSend(Get("/"));
  exchange_->StartTunnel("101\r\n\r\n");
  exchange_->PauseBody();
  peer->Deliver("last");
  EXPECT_TRUE(peer->paused(kPipelined));
  peer->DeliverEnd();
  EXPECT_THAT(Told(), IsEmpty());
  exchange_->ResumeBody();
  peer->Pump();
  EXPECT_EQ(Told(), "body:last client-end ");
}

TEST_F(SessionEndWaitsTest, EndBehindAPipelinedRequestIsToldWhileItWaits) {
  const auto peer = ConnectAndSend(Get("/") + Get("/"));
  peer->DeliverEnd();
  EXPECT_EQ(Told(), "client-end ");
  EXPECT_TRUE(exchange_->client_ended());
  AnswerLater();
  EXPECT_EQ(CountOf(peer->written(), "HTTP/1.1 200"), 1U);
  EXPECT_EQ(dispatched_, 2) << "what was sent before the end is served";
  EXPECT_TRUE(exchange_->client_ended());
  AnswerLater();
  EXPECT_EQ(CountOf(peer->written(), "HTTP/1.1 200"), 2U);
  peer->Pump();
  EXPECT_TRUE(peer->destroyed());
}

TEST_F(SessionEndWaitsTest, HandlerThatClosesAtAnEndThatWaitsEndsTheConnection) {
  on_end_ = [this] { exchange_->Close(); };
  const auto peer = ConnectAndSend(Get("/") + Get("/"));
  EXPECT_TRUE(peer->paused());
  peer->DeliverEnd();
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(Told(), "client-end ");
  EXPECT_EQ(dispatched_, 1);
  ASSERT_EQ(done_.size(), 1U);
  EXPECT_EQ(done_[0].status, RequestSummary::kClientGone);
  loop_.Turn();
  EXPECT_EQ(live_handlers_, 0);
}

}  // namespace
}  // namespace sluice::server
