// Answers of which nobody wants the rest: whether their connections are kept.

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <gmock/gmock.h>

#include "unit/proxy/upstream_fixture.h"

namespace sluice::proxy {
namespace {

using ::testing::ElementsAre;

constexpr std::string_view kChunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view kBegun = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe";

std::string Chunk(size_t size) {
  char length[20];
  std::snprintf(length, sizeof length, "%zx\r\n", size);
  return length + std::string(size, 'x') + "\r\n";
}

class ReadOutTest : public UpstreamFixture {
 protected:
  // A call whose answer has begun so, and which is read out from then on.
  std::shared_ptr<FakePeer> Begun(std::string_view answer = kBegun) {
    Caller& caller = Start();
    auto peer = Connect();
    peer->Deliver(answer);
    upstream_->ReadOut(std::move(caller.call));
    caller.lines.clear();
    return peer;
  }
  // Whether the next request takes a connection that is there; ends it.
  bool Reuses() {
    const size_t before = network_.connects();
    Caller& next = Start();
    next.call.reset();
    return network_.connects() == before;
  }
  [[nodiscard]] bool HandlersHeardNothing() const {
    return std::all_of(callers_.begin(), callers_.end(),
                       [](const auto& caller) { return caller->lines.empty(); });
  }
};

TEST_F(ReadOutTest, ConnectionIsKeptWhenTheRestHasCome) {
  Make();
  for (const char* rest : {"", "hello", "hello\r\n3\r\nyou"}) {
    SCOPED_TRACE(rest);
    const bool empty = *rest == '\0';
    const auto peer = Begun(kChunkedHead);
    EXPECT_EQ(server_stats().active.Get(), 0U) << "its place is free";
    if (!empty) peer->Deliver("5\r\n" + std::string(rest) + "\r\n");
    EXPECT_EQ(server_stats().idle.Get(), 0U);
    peer->Deliver("0\r\n\r\n");
    EXPECT_EQ(server_stats().active.Get(), 0U);
    EXPECT_EQ(server_stats().idle.Get(), 1U);
    EXPECT_TRUE(HandlersHeardNothing());
    EXPECT_TRUE(Reuses());
  }
}

TEST_F(ReadOutTest, ItMayBeAskedForInCallbacks) {
  Make();
  for (const char* when : {"head", "body", "end"}) {
    SCOPED_TRACE(when);
    Caller& caller = Start();
    const auto peer = Connect();
    caller.react = [&](std::string_view line) {
      if (line.starts_with(when)) upstream_->ReadOut(std::move(caller.call));
    };
    peer->Deliver(kBegun);
    peer->Deliver("llo");
    EXPECT_TRUE(caller.lines.back().starts_with(when)) << caller.lines.back();
    EXPECT_TRUE(Reuses());
  }
}

TEST_F(ReadOutTest, TooLongABodyClosesIt) {
  Make();
  const auto peer = Begun(kChunkedHead);
  for (size_t sent = 0; sent < Upstream::kReadOutBytes; sent += 1024) peer->Deliver(Chunk(1024));
  EXPECT_FALSE(peer->destroyed());
  peer->Deliver(Chunk(1));
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(server_stats().active.Get(), 0U);
}

TEST_F(ReadOutTest, NobodyWaitsForWhatWillNotBeKept) {
  Make();
  for (const char* head :
       {"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n"}) {
    EXPECT_TRUE(Begun(head)->destroyed()) << head;
  }
  EXPECT_FALSE(Begun("HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n")->destroyed());
}

TEST_F(ReadOutTest, NorForWhatHasNotBegun) {
  Make();
  Caller& connecting = Start();
  upstream_->ReadOut(std::move(connecting.call));
  EXPECT_EQ(network_.pending_connects(), 0U);
  Caller& asked = Start();
  const auto peer = Connect();
  upstream_->ReadOut(std::move(asked.call));
  EXPECT_TRUE(peer->destroyed());
  Caller& sending = Start(Post());
  const auto other = Connect();
  sending.call->SendBody("x");
  other->Deliver(kBegun);
  upstream_->ReadOut(std::move(sending.call));
  EXPECT_TRUE(other->destroyed()) << "the server waits for the rest of the request";
}

TEST_F(ReadOutTest, TooSlowABodyClosesIt) {
  Make();
  const auto peer = Begun(kChunkedHead);
  for (uint64_t ms = 100; ms < Upstream::kReadOutMs; ms += 100) {
    peer->Deliver(Chunk(1));
    loop_.Advance(100);
  }
  EXPECT_FALSE(peer->destroyed());
  loop_.Advance(200);
  EXPECT_TRUE(peer->destroyed()) << "bytes that come do not make it longer";
  EXPECT_TRUE(HandlersHeardNothing());
}

TEST_F(ReadOutTest, AnswerThatBreaksIsOver) {
  Make();
  using Break = void (*)(FakePeer&);
  for (const Break breaks : {Break([](FakePeer& peer) { peer.DeliverEnd(); }),
                             Break([](FakePeer& peer) { peer.Kill(ECONNRESET); }),
                             Break([](FakePeer& peer) { peer.Deliver("no chunk\r\n"); })}) {
    const auto peer = Begun(kChunkedHead);
    breaks(*peer);
    loop_.Turn();
    EXPECT_TRUE(peer->destroyed());
    EXPECT_EQ(server_stats().active.Get(), 0U);
  }
  EXPECT_TRUE(HandlersHeardNothing());
  EXPECT_TRUE(state_->up(0));
  for (const auto kind : {CallFailure::Kind::kClosed, CallFailure::Kind::kProtocol}) {
    EXPECT_EQ(server_stats().failures(kind), 0U) << "every client was served";
  }
}

TEST_F(ReadOutTest, NoMoreThanAreKept) {
  config::Upstream config = Config();
  config.keepalive = 2;
  Make(std::move(config));
  const auto first = Begun();
  const auto second = Begun();
  EXPECT_TRUE(Begun()->destroyed());
  first->Deliver("llo");
  Caller& again = Start();
  first->Deliver(kBegun);
  upstream_->ReadOut(std::move(again.call));
  EXPECT_FALSE(first->destroyed()) << "its first answer was over";
  EXPECT_FALSE(second->destroyed());
}

TEST_F(ReadOutTest, RetiredUpstreamKeepsNone) {
  Make();
  const auto peer = Begun();
  Caller& late = Start();
  const auto other = Connect();
  other->Deliver(kBegun);
  upstream_->Retire();
  EXPECT_TRUE(peer->destroyed());
  upstream_->ReadOut(std::move(late.call));
  EXPECT_TRUE(other->destroyed());
}

TEST_F(ReadOutTest, UpstreamMayGoMeanwhile) {
  Make();
  const auto peer = Begun();
  upstream_.reset();
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(server_stats().active.Get(), 0U);
}

class ReadOutPlaceTest : public ReadOutTest {
 protected:
  // One place, and nobody may wait for it unless `queue`.
  void MakeOnePlace(uint32_t queue = 0) {
    config::Upstream config = Config();
    config.max_connections = 1;
    config.queue = queue;
    Make(std::move(config));
  }
  // On a new connection.
  void Answer(Caller& caller) {
    loop_.Turn();
    Connect()->Deliver(kOk);
    EXPECT_THAT(caller.lines, ElementsAre("head 200", "body ok", "end"));
  }
};

TEST_F(ReadOutPlaceTest, IsForTheNextRequest) {
  MakeOnePlace();
  const auto peer = Begun();
  Answer(Start());
  peer->Deliver("llo");
  EXPECT_EQ(server_stats().idle.Get(), 2U) << "the place is free again";
  EXPECT_EQ(server_stats().active.Get(), 0U);
}

TEST_F(ReadOutPlaceTest, IsNotGivenBesideAConnectionThatIsFreeAtOnce) {
  MakeOnePlace(1);
  Caller& caller = Start();
  const auto peer = Connect();
  Caller& next = Start();
  caller.react = [&](std::string_view line) {
    if (line.starts_with("head")) upstream_->ReadOut(std::move(caller.call));
  };
  peer->Deliver(kOk);
  loop_.Turn();
  EXPECT_EQ(network_.pending_connects(), 0U);
  peer->Deliver(kOk);
  EXPECT_THAT(next.lines, ElementsAre("head 200", "body ok", "end"));
}

TEST_F(ReadOutPlaceTest, ConnectionOfOneThatIsTakenIsNotKept) {
  MakeOnePlace();
  const auto peer = Begun();
  Caller& next = Start();
  peer->Deliver("llo");
  EXPECT_TRUE(peer->destroyed()) << "an app of one connection would wait for a request on it";
  Answer(next);
  EXPECT_EQ(server_stats().idle.Get(), 1U);
  EXPECT_EQ(server_stats().active.Get(), 0U);
}

TEST_F(ReadOutPlaceTest, IsForARequestOfItsOwnCallback) {
  MakeOnePlace();
  Caller& caller = Start();
  const auto peer = Connect();
  Caller* next = nullptr;
  caller.at_pause = [&] {
    upstream_->ReadOut(std::move(caller.call));
    next = &Start();
  };
  peer->Deliver(kBegun);
  ASSERT_NE(next, nullptr);
  Answer(*next);
}

TEST_F(ReadOutPlaceTest, IsForARequestThatWaited) {
  MakeOnePlace(1);
  Caller& caller = Start();
  const auto peer = Connect();
  Caller& next = Start();
  EXPECT_EQ(network_.pending_connects(), 0U);
  peer->Deliver(kBegun);
  upstream_->ReadOut(std::move(caller.call));
  Answer(next);
  EXPECT_FALSE(peer->destroyed());
}

TEST_F(ReadOutPlaceTest, IsGivenByAnAnswerThatWasHeldBack) {
  MakeOnePlace();
  Caller& caller = Start();
  caller.react = [&](std::string_view line) {
    if (line.starts_with("head")) caller.call->PauseReading();
  };
  const auto peer = Connect();
  peer->Deliver(kBegun);
  caller.call->ResumeReading();
  upstream_->ReadOut(std::move(caller.call));
  loop_.Turn();
  Answer(Start());
  peer->Deliver("llo");
  loop_.Turn();
  EXPECT_EQ(server_stats().idle.Get(), 2U);
}

TEST_F(ReadOutPlaceTest, IsGivenOnce) {
  MakeOnePlace();
  Begun()->Kill(ECONNRESET);
  loop_.Turn();
  Caller& first = Start();
  Caller& second = Start();
  loop_.Turn();
  EXPECT_THAT(second.lines, ElementsAre(::testing::StartsWith("failed queue_full")));
  Answer(first);
}

}  // namespace
}  // namespace sluice::proxy
