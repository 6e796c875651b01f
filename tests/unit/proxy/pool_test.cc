// Kept connections: which are used again, for how long, and what happens to one that is dead.

#include <cerrno>

#include <gmock/gmock.h>

#include "unit/proxy/upstream_fixture.h"

namespace sluice::proxy {
namespace {

using ::testing::ElementsAre;

class PoolTest : public UpstreamFixture {
 protected:
  // Whether a connection is used again after this answer to a GET.
  bool KeptAfter(std::string_view answer) {
    Start();
    const auto peer = Connect();
    peer->Deliver(answer);
    EXPECT_EQ(callers_.back()->lines.back(), "end");
    const size_t before = network_.connects();
    Start();
    const bool kept = network_.connects() == before;
    EXPECT_EQ(peer->destroyed(), !kept);
    callers_.back()->call.reset();
    return kept;
  }
};

TEST_F(PoolTest, ConnectionIsUsedAgain) {
  Make();
  const auto peer = KeptConnection();
  Caller& caller = Start();
  EXPECT_EQ(network_.connects(), 1U);
  EXPECT_EQ(peer->written(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  peer->Deliver(kOk);
  EXPECT_EQ(caller.lines.back(), "end");
  EXPECT_TRUE(caller.call->record().reused);
  EXPECT_EQ(server_stats().reuses.Get(), 1U);
  EXPECT_FALSE(peer->wants_writable());
}

TEST_F(PoolTest, OnlyAfterACleanEnd) {
  Make();
  EXPECT_TRUE(KeptAfter(kOk));
  EXPECT_FALSE(KeptAfter("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_FALSE(KeptAfter("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_TRUE(KeptAfter("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_FALSE(KeptAfter("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokX"));
  EXPECT_FALSE(
      KeptAfter("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_FALSE(KeptAfter("HTTP/1.1 204 No Content\r\n\r\nbody"));
}

TEST_F(PoolTest, UnaskedBytesOrTheEndCloseAnIdleConnection) {
  Make();
  auto peer = KeptConnection();
  peer->Deliver("H");
  EXPECT_TRUE(peer->destroyed());
  peer = KeptConnection();
  peer->DeliverEnd();
  EXPECT_TRUE(peer->destroyed());
  peer = KeptConnection();
  peer->Kill(ECONNRESET);
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(server_stats().idle.Get(), 0U);
  Start();
  EXPECT_EQ(network_.connects(), 4U);
}

TEST_F(PoolTest, IdleConnectionsAreFewAndTheOldestGoesFirst) {
  config::Upstream config = Config();
  config.keepalive = 2;
  Make(std::move(config));
  std::vector<std::shared_ptr<FakePeer>> peers;
  for (int i = 0; i < 3; ++i) {
    Start();
    peers.push_back(Connect());
  }
  for (const auto& peer : peers) {
    peer->Deliver(kOk);
    loop_.Advance(10);
  }
  EXPECT_TRUE(peers[0]->destroyed());
  EXPECT_FALSE(peers[1]->destroyed());
  EXPECT_EQ(server_stats().idle.Get(), 2U);
  Start();
  EXPECT_EQ(network_.connects(), 3U);
  static_cast<void>(peers[1]->TakeWritten());
  EXPECT_EQ(peers[2]->writes(), 2U) << "the one that was used last is warm";
}

TEST_F(PoolTest, NothingIsKeptWithoutKeepalive) {
  config::Upstream config = Config();
  config.keepalive = 0;
  Make(std::move(config));
  EXPECT_FALSE(KeptAfter(kOk));
}

TEST_F(PoolTest, IdleConnectionIsClosedInTime) {
  config::Upstream config = Config();
  config.keepalive_timeout_ms = 3'000;
  Make(std::move(config));
  const auto peer = KeptConnection();
  loop_.Advance(2'900);
  EXPECT_FALSE(peer->destroyed());
  Start();
  peer->Deliver(kOk);
  loop_.Advance(2'900);
  EXPECT_FALSE(peer->destroyed()) << "it was used meanwhile";
  loop_.Advance(300);
  EXPECT_TRUE(peer->destroyed());
}

TEST_F(PoolTest, ServersTimeoutIsHonouredWithAMargin) {
  Make();
  Start();
  const auto peer = Connect();
  peer->Deliver("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=9\r\nContent-Length: 0\r\n\r\n");
  loop_.Advance(3'900);
  EXPECT_FALSE(peer->destroyed());
  loop_.Advance(300);
  EXPECT_TRUE(peer->destroyed());
  EXPECT_FALSE(KeptAfter("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n"));
}

TEST_F(PoolTest, AgeAndRequestsEndAConnection) {
  config::Upstream config = Config();
  config.keepalive_requests = 2;
  config.keepalive_age_ms = 1'000;
  Make(std::move(config));
  auto peer = KeptConnection();
  Start();
  peer->Deliver(kOk);
  EXPECT_TRUE(peer->destroyed()) << "after two requests";
  Start();
  peer = Connect();
  loop_.Advance(1'100);
  peer->Deliver(kOk);
  EXPECT_TRUE(peer->destroyed()) << "too old to be kept";
  peer = KeptConnection();
  loop_.Advance(1'200);
  EXPECT_TRUE(peer->destroyed()) << "too old while it was kept";
}

TEST_F(PoolTest, RetireClosesWhatIsKeptAndKeepsNothingMore) {
  Make();
  const auto idle = KeptConnection();
  Caller& busy = Start();
  Caller& late = Start();
  const auto other = Connect();
  upstream_->Retire();
  EXPECT_FALSE(idle->destroyed()) << "it is in use";
  idle->Deliver(kOk);
  other->Deliver(kOk);
  EXPECT_EQ(busy.lines.back(), "end");
  EXPECT_EQ(late.lines.back(), "end");
  EXPECT_TRUE(idle->destroyed());
  EXPECT_TRUE(other->destroyed());
}

// --- stale connections ---

TEST_F(PoolTest, StaleConnectionGivesAnIdempotentRequestOneMoreTry) {
  Make();
  for (const bool reset : {false, true}) {
    const auto stale = KeptConnection();
    Caller& caller = Start();
    const size_t before = network_.connects();
    reset ? stale->Kill(ECONNRESET) : stale->DeliverEnd();
    EXPECT_TRUE(caller.lines.empty());
    ASSERT_EQ(network_.connects(), before + 1);
    const auto fresh = Connect();
    EXPECT_EQ(fresh->written(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    fresh->Deliver(kOk);
    EXPECT_THAT(caller.lines, ElementsAre("head 200", "body ok", "end"));
    EXPECT_EQ(caller.call->record().tries, 2U);
    EXPECT_FALSE(caller.call->record().reused);
    fresh->DeliverEnd();
  }
  EXPECT_EQ(server_stats().retries.Get(), 2U);
  EXPECT_TRUE(state_->Addresses(0).front()->up());
}

TEST_F(PoolTest, StaleConnectionThatRefusesTheHeadCostsNothing) {
  Make();
  const auto stale = KeptConnection();
  stale->FailWrites(EPIPE);
  Caller& caller = Start(Post());
  caller.call->SendBody("x");
  caller.call->EndBody({});
  EXPECT_TRUE(stale->destroyed());
  const auto fresh = Connect();
  EXPECT_TRUE(fresh->written().ends_with("\r\n\r\nx"));
  fresh->Deliver(kOk);
  EXPECT_EQ(caller.lines.back(), "end");
}

TEST_F(PoolTest, NotASecondTimeAndNotOnAFreshConnection) {
  Make();
  const auto stale = KeptConnection();
  Caller& caller = Start();
  stale->DeliverEnd();
  Connect()->DeliverEnd();
  loop_.Turn();
  EXPECT_THAT(caller.lines, ElementsAre("failed closed"));
}

TEST_F(PoolTest, NotAfterAByteOfTheAnswer) {
  Make();
  const auto stale = KeptConnection();
  Caller& caller = Start();
  stale->Deliver("H");
  stale->Kill(ECONNRESET);
  loop_.Turn();
  EXPECT_THAT(caller.lines, ElementsAre("failed closed"));
  EXPECT_EQ(network_.connects(), 1U);
}

TEST_F(PoolTest, NotARequestThatMayNotBeSentTwice) {
  Make();
  const auto stale = KeptConnection();
  CallRequest request = Get();
  request.idempotent = false;
  Caller& caller = Start(std::move(request));
  stale->DeliverEnd();
  loop_.Turn();
  EXPECT_THAT(caller.lines, ElementsAre("failed closed"));
  EXPECT_EQ(caller.status, 502);
  EXPECT_EQ(network_.connects(), 1U);
}

TEST_F(PoolTest, NotOnceTheBodyWasBegun) {
  Make();
  const auto stale = KeptConnection();
  CallRequest request = Post();
  request.idempotent = true;
  Caller& caller = Start(std::move(request));
  caller.call->SendBody("x");
  stale->DeliverEnd();
  loop_.Turn();
  EXPECT_THAT(caller.lines, ElementsAre("failed closed"));
}

TEST_F(PoolTest, BodyThatWasNotBegunGoesToTheFreshConnection) {
  Make();
  const auto stale = KeptConnection();
  CallRequest request = Post();
  request.idempotent = true;
  Caller& caller = Start(std::move(request));
  loop_.Turn();
  stale->DeliverEnd();
  caller.call->SendBody("x");
  caller.call->EndBody({});
  const auto fresh = Connect();
  EXPECT_TRUE(fresh->written().ends_with("\r\n\r\nx"));
  fresh->Deliver(kOk);
  EXPECT_EQ(caller.lines.back(), "end");
}

}  // namespace
}  // namespace sluice::proxy
