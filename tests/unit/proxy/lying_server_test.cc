// Servers that lie, stop or never end: each call ends once, with the right reason, and nothing of
// the connection is used again.

#include <cerrno>

#include <gmock/gmock.h>

#include "unit/proxy/upstream_fixture.h"

namespace sluice::proxy {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

class LyingServerTest : public UpstreamFixture {
 protected:
  // The last line of a call whose server sends `answer`, whole and byte by byte, and then FIN.
  std::string Outcome(std::string_view answer) {
    std::string last;
    for (const bool torn : {false, true}) {
      Caller& caller = Start();
      const auto peer = Connect();
      if (torn) {
        for (const char byte : answer) peer->Deliver({&byte, 1});
      } else {
        peer->Deliver(answer);
      }
      peer->DeliverEnd();
      loop_.Turn();
      EXPECT_TRUE(peer->destroyed());
      EXPECT_FALSE(caller.lines.empty());
      if (torn) {
        EXPECT_EQ(caller.lines.back(), last);
      }
      last = caller.lines.back();
    }
    EXPECT_EQ(server_stats().active.Get(), 0U);
    EXPECT_EQ(server_stats().idle.Get(), 0U);
    return last;
  }
};

TEST_F(LyingServerTest, TooShort) {
  Make();
  EXPECT_EQ(Outcome(""), "failed closed");
  EXPECT_EQ(Outcome("HTTP/1.1 200"), "failed closed");
  EXPECT_EQ(Outcome("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"), "failed closed");
  EXPECT_EQ(Outcome("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"), "failed closed");
  EXPECT_EQ(Outcome("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"),
            "failed closed");
  EXPECT_EQ(Outcome("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"), "failed closed");
}

TEST_F(LyingServerTest, AmbiguousOrNotHttp) {
  Make();
  EXPECT_EQ(Outcome("SSH-2.0-OpenSSH_9.2\r\n"), "failed protocol");
  EXPECT_EQ(Outcome("HTTP/2.0 200 OK\r\n\r\n"), "failed protocol");
  EXPECT_EQ(Outcome("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "failed protocol");
  EXPECT_EQ(Outcome("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            "failed protocol");
  EXPECT_EQ(Outcome("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
            "failed protocol");
  EXPECT_EQ(Outcome("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
            "failed protocol");
  EXPECT_EQ(Outcome("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), "failed protocol");
}

TEST_F(LyingServerTest, EndlessHead) {
  config::Upstream config = Config();
  config.head_bytes = 1'000;
  Make(std::move(config));
  Caller& caller = Start();
  const auto peer = Connect();
  peer->Deliver("HTTP/1.1 200 OK\r\n");
  for (int i = 0; i < 100 && !peer->destroyed(); ++i) peer->Deliver("X-Field: 0123456789\r\n");
  loop_.Turn();
  EXPECT_THAT(caller.lines, ElementsAre("failed head_limit"));
  EXPECT_EQ(caller.status, 502);
  EXPECT_TRUE(peer->destroyed());
}

TEST_F(LyingServerTest, FloodOfInterimAnswers) {
  Make();
  Caller& caller = Start();
  const auto peer = Connect();
  for (int i = 0; i < 1'000 && !peer->destroyed(); ++i) {
    peer->Deliver("HTTP/1.1 103 Early Hints\r\n\r\n");
  }
  loop_.Turn();
  EXPECT_TRUE(peer->destroyed());
  EXPECT_EQ(caller.lines.back(), "failed protocol");
}

TEST_F(LyingServerTest, ResetInEachPhase) {
  Make();
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
  for (size_t size = 0; size < answer.size(); ++size) {
    Caller& caller = Start();
    const auto peer = Connect();
    peer->Deliver(std::string_view(answer).substr(0, size));
    peer->Kill(ECONNRESET);
    loop_.Turn();
    EXPECT_EQ(caller.lines.back(), "failed closed") << size;
    EXPECT_TRUE(peer->destroyed());
  }
}

TEST_F(LyingServerTest, SilentBeforeTheAnswer) {
  config::Upstream config = Config();
  config.read_timeout_ms = 1'000;
  Make(std::move(config));
  Caller& caller = Start();
  const auto peer = Connect();
  loop_.Advance(900);
  EXPECT_TRUE(caller.lines.empty());
  loop_.Advance(300);
  EXPECT_THAT(caller.lines, ElementsAre("failed read_timeout"));
  EXPECT_EQ(caller.status, 504);
  EXPECT_TRUE(peer->destroyed());
}

TEST_F(LyingServerTest, SilentInsideTheAnswer) {
  config::Upstream config = Config();
  config.read_timeout_ms = 1'000;
  Make(std::move(config));
  Caller& caller = Start();
  const auto peer = Connect();
  peer->Deliver("HTTP/1.1 200 OK\r\n\r\n");
  for (int i = 0; i < 5; ++i) {
    loop_.Advance(900);
    peer->Deliver("x");
  }
  EXPECT_EQ(caller.body, "xxxxx") << "each byte starts the time anew";
  loop_.Advance(1'200);
  EXPECT_EQ(caller.lines.back(), "failed read_timeout");
}

TEST_F(LyingServerTest, SilentOnAKeptConnection) {
  config::Upstream config = Config();
  config.read_timeout_ms = 1'000;
  Make(std::move(config));
  const auto peer = KeptConnection();
  loop_.Advance(10'000);
  Caller& caller = Start();
  loop_.Advance(900);
  EXPECT_TRUE(caller.lines.empty());
  loop_.Advance(300);
  EXPECT_THAT(caller.lines, ElementsAre("failed read_timeout"));
  EXPECT_EQ(network_.connects(), 1U) << "the request may be in the works: it is not sent again";
}

TEST_F(LyingServerTest, TakesNothingOfTheRequest) {
  config::Upstream config = Config();
  config.send_timeout_ms = 1'000;
  Make(std::move(config));
  Caller& caller = Start(Post());
  const auto peer = Connect();
  peer->SetBudget(10);
  caller.call->SendBody(std::string(1'000, 'x'));
  loop_.Advance(900);
  peer->MakeWritable(100);
  loop_.Advance(900);
  EXPECT_TRUE(caller.lines.empty()) << "each byte taken starts the time anew";
  loop_.Advance(300);
  EXPECT_THAT(caller.lines, ElementsAre("failed send_timeout"));
  EXPECT_EQ(caller.status, 504);
}

TEST_F(LyingServerTest, ClientThatSendsItsBodySlowlyIsNoFaultOfTheServer) {
  config::Upstream config = Config();
  config.read_timeout_ms = 1'000;
  config.send_timeout_ms = 1'000;
  Make(std::move(config));
  Caller& caller = Start(Post());
  const auto peer = Connect();
  for (int i = 0; i < 5; ++i) {
    loop_.Advance(3'000);
    caller.call->SendBody("x");
  }
  EXPECT_TRUE(caller.lines.empty());
  caller.call->EndBody({});
  loop_.Advance(1'200);
  EXPECT_THAT(caller.lines, ElementsAre("failed read_timeout"));
}

TEST_F(LyingServerTest, AnswersBeforeItWasAsked) {
  Make();
  const auto peer = KeptConnection();
  peer->Deliver(kOk);
  EXPECT_TRUE(peer->destroyed());
  Caller& caller = Start();
  Connect()->Deliver("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine");
  EXPECT_EQ(caller.body, "mine");
}

TEST_F(LyingServerTest, FailureBeforeTheHeadCountsAgainstTheServer) {
  config::Upstream config = Config(2);
  config.max_fails = 1;
  Make(std::move(config));
  Start();
  Connect()->Deliver("nonsense\r\n\r\n");
  EXPECT_FALSE(state_->Addresses(0).front()->up());
  // A cut body does not: the server is there.
  Start();
  const auto peer = Connect();
  peer->Deliver("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab");
  peer->DeliverEnd();
  EXPECT_TRUE(state_->Addresses(1).front()->up());
}

}  // namespace
}  // namespace sluice::proxy
