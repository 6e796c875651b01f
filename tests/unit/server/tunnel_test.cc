// WebSocket through the gateway: after 101, bytes go both ways as they are.
#include "server/tunnel.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/server/worker_fixture.h"

namespace sluice::server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr auto kBackpressure = net::PauseReason::kBackpressure;

class TunnelTest : public WorkerFixture {
 protected:
  void SetUp() override {
    WorkerFixture::SetUp();
    Start(Route("", "read_timeout: 10s"));
    Open();
  }
  // `early`: what the client sends before it has its answer; `behind`: what comes with that.
  void Open(const std::string& early = "", const std::string& behind = "") {
    client_ = Client(kAsk + early);
    server_ = Server();
    server_->Deliver(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n" +
        behind);
    Settle({client_, server_});
    EXPECT_THAT(client_->TakeWritten(), StartsWith("HTTP/1.1 101 "));
    EXPECT_THAT(server_->TakeWritten(), HasSubstr("Upgrade: websocket\r\n"));
  }
  [[nodiscard]] bool Over() const {
    return server_->destroyed() && (client_->destroyed() || client_->shut_down());
  }

  const std::string kAsk =
      Get("/",
          "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n");
  Peer client_;
  Peer server_;
};

TEST_F(TunnelTest, BytesGoBothWaysAsTheyAre) {
  client_->Deliver("to the server\r\n\r\n");
  EXPECT_EQ(server_->written(), "to the server\r\n\r\n");
  server_->Deliver("to the client");
  EXPECT_EQ(client_->written(), "to the client");
}

TEST_F(TunnelTest, NothingThatCameEarlyIsLost) {
  client_ = Client(kAsk + "early");
  server_ = Server();
  server_->Deliver(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
      "Connection: Upgrade\r\n\r\nbehind");
  Settle({client_, server_});
  EXPECT_THAT(server_->written(), EndsWith("\r\n\r\nearly"));
  EXPECT_THAT(client_->written(), EndsWith("\r\n\r\nbehind"));
  client_->Deliver(" and later");
  EXPECT_THAT(server_->written(), EndsWith("early and later"));
}

TEST_F(TunnelTest, ClientsEndIsPassedOnAndTheServerMayStillSpeak) {
  client_->Deliver("bye");
  client_->DeliverEnd();
  EXPECT_TRUE(server_->shut_down());
  EXPECT_FALSE(Over());
  server_->Deliver("goodbye");
  EXPECT_EQ(client_->written(), "goodbye");
  server_->DeliverEnd();
  Settle({client_});
  EXPECT_TRUE(Over());
}

TEST_F(TunnelTest, ClientsEndComesBehindItsBytes) {
  server_->SetBudget(0);
  client_->Deliver("bye");
  client_->DeliverEnd();
  EXPECT_FALSE(server_->shut_down());
  server_->MakeWritable();
  EXPECT_EQ(server_->written(), "bye");
  EXPECT_TRUE(server_->shut_down());
}

TEST_F(TunnelTest, ServersEndEndsBothBehindItsBytes) {
  client_->SetBudget(0);
  server_->Deliver("last words");
  server_->DeliverEnd();
  EXPECT_TRUE(server_->destroyed());
  EXPECT_FALSE(client_->shut_down());
  client_->MakeWritable();
  EXPECT_EQ(client_->written(), "last words");
  EXPECT_TRUE(Over());
}

TEST_F(TunnelTest, ResetOnEitherSideEndsBoth) {
  client_->Kill(ECONNRESET);
  EXPECT_TRUE(Over());
  loop_.Turn();
  Open();
  server_->Kill(ECONNRESET);
  Settle({client_});
  EXPECT_TRUE(Over());
}

// What a real socket tells in one turn: it has ended, and it can be written.
TEST_F(TunnelTest, ServerThatEndsAndCanBeWrittenInTheSameTurnIsOverOnce) {
  for (const bool client_reads : {true, false}) {
    if (!client_reads) client_->SetBudget(0);
    server_->SetBudget(0);
    client_->Deliver("waits for the server");
    if (!client_reads) server_->Deliver("waits for the client");
    EXPECT_TRUE(server_->wants_writable());
    server_->DeliverEnd();
    EXPECT_TRUE(server_->destroyed()) << "nothing calls back any more";
    server_->MakeWritable();
    client_->Deliver("nobody is there any more");
    client_->MakeWritable();
    loop_.Advance(11'000);
    EXPECT_TRUE(client_->destroyed()) << "and what ends it in time still does";
    Open();
  }
}

TEST_F(TunnelTest, SilenceEndsIt) {
  loop_.Advance(6'000);
  client_->Deliver("a");
  loop_.Advance(6'000);
  server_->Deliver("b");
  loop_.Advance(9'000);
  EXPECT_FALSE(Over());
  loop_.Advance(1'200);
  EXPECT_TRUE(Over());
}

TEST_F(TunnelTest, SlowSideThatMovesOnIsNoSilence) {
  server_->SetBudget(0);
  client_->Deliver(std::string(100, 'a'));
  for (int i = 0; i < 5; ++i) {
    loop_.Advance(6'000);
    ASSERT_FALSE(Over()) << i;
    server_->MakeWritable(10);
  }
  EXPECT_EQ(server_->written(), std::string(50, 'a'));
}

TEST_F(TunnelTest, SlowServerPausesTheClient) {
  server_->SetBudget(0);
  client_->Deliver("one ");
  client_->Deliver("two ");
  EXPECT_TRUE(client_->paused());
  client_->Deliver("three");
  server_->MakeWritable();
  client_->Pump();
  EXPECT_FALSE(client_->paused());
  EXPECT_EQ(server_->written(), "one two three");
}

TEST_F(TunnelTest, SlowClientPausesTheServer) {
  client_->SetBudget(0);
  const std::string piece(40 * 1024, 'a');
  server_->Deliver(piece);
  EXPECT_FALSE(server_->paused()) << "a little waits";
  server_->Deliver(piece);
  EXPECT_TRUE(server_->paused(kBackpressure));
  client_->MakeWritable();
  EXPECT_FALSE(server_->paused());
  EXPECT_EQ(client_->written(), piece + piece);
}

TEST_F(TunnelTest, OneSlowDirectionDoesNotHoldTheOther) {
  client_->SetBudget(0);
  server_->Deliver(std::string(80 * 1024, 'a'));
  server_->SetBudget(0);
  client_->Deliver("one ");
  client_->Deliver("two");
  server_->MakeWritable();
  EXPECT_EQ(server_->written(), "one two") << "although the client reads nothing";
}

TEST_F(TunnelTest, ClientThatTakesNothingIsCut) {
  client_->SetBudget(0);
  server_->Deliver("hello");
  loop_.Advance(6'000);
  client_->Deliver("alive");
  for (int i = 0; i < 6; ++i) {
    loop_.Advance(4'900);
    server_->Deliver("more");
  }
  EXPECT_TRUE(client_->destroyed());
  EXPECT_TRUE(server_->destroyed());
}

TEST_F(TunnelTest, ServerThatTookNothingMoreIsClosedWithTheClient) {
  server_->FailWrites(EPIPE);
  client_->Deliver("lost");
  client_->Deliver("lost, too");
  EXPECT_FALSE(client_->paused());
  server_->Kill(EPIPE);
  Settle({client_});
  EXPECT_TRUE(Over());
}

TEST_F(TunnelTest, DoesNotOpenUnasked) {
  client_ = Client(Get("/"));
  server_ = Server();
  server_->Deliver("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
  Settle({client_});
  EXPECT_EQ(StatusOf(client_->written()), "502");
  EXPECT_TRUE(server_->destroyed());
}

TEST_F(TunnelTest, AnswerOtherThan101IsAnAnswer) {
  client_ = Client(kAsk);
  server_ = Server();
  server_->Deliver("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  Settle({client_});
  EXPECT_EQ(StatusOf(client_->written()), "403");
  EXPECT_THAT(client_->written(), Not(HasSubstr("Upgrade")));
  EXPECT_FALSE(server_->destroyed());
}

TEST_F(TunnelTest, KeepsWhatItBeganUnder) {
  Reload("upstreams: {other: {servers: [192.0.2.9:80]}}\nroutes: [{path: /, upstream: other}]\n");
  loop_.Turn();
  client_->Deliver("still there");
  EXPECT_EQ(server_->written(), "still there");
  EXPECT_FALSE(before_.expired());
  server_->DeliverEnd();
  Settle({client_});
  loop_.Advance(11'000);
  EXPECT_TRUE(before_.expired());
}

}  // namespace
}  // namespace sluice::server
