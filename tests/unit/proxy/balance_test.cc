// Which server a request goes to, and which servers rest.

#include <map>
#include <set>

#include <gmock/gmock.h>

#include "unit/proxy/upstream_fixture.h"

namespace sluice::proxy {
namespace {

using ::testing::ElementsAre;

class BalanceTest : public UpstreamFixture {
 protected:
  // Starts `count` calls that stay open; where they went.
  std::string Go(size_t count, uint64_t hash = 0) {
    const size_t before = network_.connects();
    for (size_t i = 0; i < count; ++i) {
      CallRequest request = Get();
      request.hash = hash;
      Start(std::move(request));
    }
    return Attempts(before);
  }
  // One call that is aborted at once.
  std::string GoBriefly(uint64_t hash = 0) {
    std::string where = Go(1, hash);
    callers_.back()->call.reset();
    return where;
  }
  [[nodiscard]] std::shared_ptr<ServerState> State(size_t server) const {
    return state_->Addresses(server).front();
  }
  // A call to each of the servers in turn, refused by all of them.
  void RefuseAll() {
    Start();
    while (network_.pending_connects() > 0) RefuseConnect();
    loop_.Turn();
  }
};

TEST_F(BalanceTest, RoundRobinIsSmoothByWeight) {
  config::Upstream config = Config(3);
  config.servers[0].weight = 5;
  Make(std::move(config));
  EXPECT_EQ(Go(7), "1121311");
  EXPECT_EQ(Go(7), "1121311");
}

TEST_F(BalanceTest, LeastConnectionsCountsWhatIsUnderWayByWeight) {
  config::Upstream config = Config(2);
  config.balance = config::Balance::kLeastConnections;
  config.servers[1].weight = 3;
  Make(std::move(config));
  const std::string where = Go(8);
  EXPECT_EQ(std::count(where.begin(), where.end(), '2'), 6);
  EXPECT_EQ(State(0)->active(), 2U);
  callers_.clear();
  EXPECT_EQ(State(0)->active(), 0U);
  EXPECT_EQ(State(1)->active(), 0U);
}

TEST_F(BalanceTest, HashKeepsItsServerAndRespectsWeights) {
  config::Upstream config = Config(3);
  config.balance = config::Balance::kHash;
  config.servers[2].weight = 2;
  Make(std::move(config));
  std::map<char, int> counts;
  for (uint64_t hash = 0; hash < 4'000; ++hash) {
    const std::string where = GoBriefly(hash);
    if (hash < 100) {
      EXPECT_EQ(where, GoBriefly(hash));
    }
    ++counts[where[0]];
    callers_.clear();
  }
  EXPECT_NEAR(counts['1'], 1'000, 120);
  EXPECT_NEAR(counts['2'], 1'000, 120);
  EXPECT_NEAR(counts['3'], 2'000, 120);
}

TEST_F(BalanceTest, ServerThatIsDownTakesOnlyItsOwnHashesAlong) {
  config::Upstream config = Config(4);
  config.balance = config::Balance::kHash;
  Make(std::move(config));
  std::map<uint64_t, std::string> before;
  for (uint64_t hash = 0; hash < 400; ++hash) before[hash] = GoBriefly(hash);
  State(1)->set_healthy(false);
  std::set<std::string> heirs;
  for (uint64_t hash = 0; hash < 400; ++hash) {
    const std::string where = GoBriefly(hash);
    if (before[hash] == "2") {
      heirs.insert(where);
    } else {
      EXPECT_EQ(where, before[hash]);
    }
  }
  EXPECT_THAT(heirs, ElementsAre("1", "3", "4"));
}

TEST_F(BalanceTest, BackupServesWhileNoOtherCan) {
  config::Upstream config = Config(3);
  config.servers[2].backup = true;
  Make(std::move(config));
  EXPECT_EQ(Go(4), "1212");
  State(0)->set_healthy(false);
  EXPECT_EQ(Go(2), "22");
  State(1)->set_healthy(false);
  EXPECT_EQ(Go(2), "33");
  State(0)->set_healthy(true);
  EXPECT_EQ(Go(1), "1");
}

TEST_F(BalanceTest, ConnectFailureGoesToTheNextServerWhateverTheMethod) {
  Make(Config(3));
  Caller& caller = Start(Post());
  caller.call->SendBody("x");
  caller.call->EndBody({});
  RefuseConnect();
  RefuseConnect(Errc::kTimeout);
  const auto peer = Connect();
  EXPECT_EQ(Attempts(), "123");
  EXPECT_TRUE(peer->written().ends_with("\r\n\r\nx"));
  peer->Deliver(kOk);
  EXPECT_EQ(caller.lines.back(), "end");
  EXPECT_EQ(caller.call->record().tries, 3U);
  EXPECT_EQ(caller.call->record().server, "192.0.2.3:80");
  const auto& failures = caller.call->record().failures;
  ASSERT_EQ(failures.size(), 2U);
  EXPECT_EQ(failures[0].server, "192.0.2.1:80");
  EXPECT_EQ(failures[0].kind, CallFailure::Kind::kConnect);
  EXPECT_EQ(failures[1].server, "192.0.2.2:80");
  EXPECT_EQ(failures[1].kind, CallFailure::Kind::kConnectTime);
  EXPECT_EQ(server_stats(0).failures(CallFailure::Kind::kConnect), 1U);
  EXPECT_EQ(server_stats(1).failures(CallFailure::Kind::kConnectTime), 1U);
}

TEST_F(BalanceTest, AllServersRefuse) {
  Make(Config(2));
  Caller& caller = Start();
  RefuseConnect();
  RefuseConnect();
  loop_.Turn();
  EXPECT_THAT(caller.lines, ElementsAre("failed connect"));
  EXPECT_EQ(caller.detail, "refused");
  EXPECT_EQ(caller.status, 502);
}

TEST_F(BalanceTest, LackOfDescriptorsIsNoFaultOfTheServer) {
  config::Upstream config = Config(2);
  config.max_fails = 1;
  Make(std::move(config));
  Caller& caller = Start();
  RefuseConnect(Errc::kLimit);
  loop_.Turn();
  EXPECT_THAT(caller.lines, ElementsAre("failed connect"));
  EXPECT_EQ(network_.connects(), 1U) << "the next server cannot be reached either";
  EXPECT_TRUE(State(0)->up());
}

TEST_F(BalanceTest, SlowConnectIs504) {
  Make();
  Caller& caller = Start();
  loop_.Advance(2'100);
  EXPECT_THAT(caller.lines, ElementsAre("failed connect_timeout"));
  EXPECT_EQ(caller.status, 504);
}

TEST_F(BalanceTest, ServerRestsAfterFailuresInARowAndIsProbedOnce) {
  config::Upstream config = Config(2);
  config.max_fails = 2;
  config.backoff_ms = 1'000;
  config.keepalive = 0;
  Make(std::move(config));
  // Both in turn; what the first refuses goes to the second.
  for (int i = 0; i < 4; ++i) {
    const size_t before = network_.connects();
    Start();
    if (Attempts(before)[0] == '1') RefuseConnect();
    Connect()->Deliver(kOk);
    callers_.clear();
  }
  EXPECT_FALSE(State(0)->up());
  EXPECT_TRUE(State(1)->up());
  const size_t before = network_.connects();
  Go(4);
  EXPECT_EQ(Attempts(before).find('1'), std::string::npos);
  // After the rest one request probes, the others stay away.
  loop_.Advance(1'100);
  const std::string where = Go(4);
  EXPECT_EQ(std::count(where.begin(), where.end(), '1'), 1);
}

TEST_F(BalanceTest, RestDoublesWithEachProbeThatFailsAndEndsWithAGoodOne) {
  config::Upstream config = Config(2);
  config.max_fails = 1;
  config.backoff_ms = 1'000;
  config.backoff_max_ms = 4'000;
  Make(std::move(config));
  const auto state = State(0);
  uint64_t now = loop_.NowMs();
  const auto rest = [&](bool probe) { return state->Failed(now, probe); };
  const auto is_about = [](uint64_t ms, uint64_t whole) { return ms >= whole / 2 && ms <= whole; };
  EXPECT_TRUE(is_about(rest(false), 1'000));
  EXPECT_EQ(rest(false), 0U) << "what was under way makes the rest no longer";
  EXPECT_FALSE(state->ProbeDue(now + 400));
  now += 1'000;
  EXPECT_TRUE(state->ProbeDue(now));
  EXPECT_TRUE(state->ClaimProbe(now));
  EXPECT_FALSE(state->ClaimProbe(now));
  EXPECT_TRUE(is_about(rest(true), 2'000));
  EXPECT_TRUE(is_about(rest(true), 4'000));
  EXPECT_TRUE(is_about(rest(true), 4'000));
  EXPECT_FALSE(state->up());
  state->Succeeded();
  EXPECT_TRUE(state->up());
  EXPECT_TRUE(is_about(rest(false), 1'000));
}

TEST_F(BalanceTest, ProbeThatIsGivenUpIsDueAgainLater) {
  config::Upstream config = Config(2);
  config.max_fails = 1;
  Make(std::move(config));
  static_cast<void>(State(0)->Failed(loop_.NowMs(), false));
  loop_.Advance(1'100);
  EXPECT_EQ(Go(2).find('1') == std::string::npos, false);
  callers_.clear();
  const std::string soon = Go(2);
  EXPECT_EQ(soon, "22");
  loop_.Advance(1'100);
  EXPECT_NE(Go(2).find('1'), std::string::npos);
}

TEST_F(BalanceTest, NoServerIsAFastAnswerWhileAllRest) {
  config::Upstream config = Config(2);
  config.max_fails = 1;
  Make(std::move(config));
  RefuseAll();
  const size_t before = network_.connects();
  Caller& caller = Start();
  EXPECT_EQ(network_.connects(), before);
  loop_.Turn();
  EXPECT_THAT(caller.lines, ElementsAre("failed no_server"));
  EXPECT_EQ(caller.status, 503);
}

TEST_F(BalanceTest, OnlyServerNeverRests) {
  config::Upstream config = Config(1);
  config.max_fails = 1;
  Make(std::move(config));
  RefuseAll();
  RefuseAll();
  EXPECT_TRUE(State(0)->up());
  EXPECT_EQ(Attempts(), "11");
}

TEST_F(BalanceTest, AnswersResetTheCountAndErrorsOfTheAppAreAnswers) {
  config::Upstream config = Config(2);
  config.max_fails = 2;
  Make(std::move(config));
  static_cast<void>(State(0)->Failed(loop_.NowMs(), false));
  Start();
  Connect()->Deliver("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(State(0)->Failed(loop_.NowMs(), false), 0U);
  EXPECT_TRUE(State(0)->up());
}

// --- max_connections ---

TEST_F(BalanceTest, RequestsWaitForAPlaceInOrder) {
  config::Upstream config = Config(1);
  config.max_connections = 1;
  config.queue = 2;
  Make(std::move(config));
  Caller& first = Start();
  const auto peer = Connect();
  Caller& second = Start();
  Caller& third = Start();
  Caller& fourth = Start();
  EXPECT_EQ(stats_->waiting.Get(), 2U);
  loop_.Turn();
  EXPECT_THAT(fourth.lines, ElementsAre("failed queue_full"));
  EXPECT_EQ(fourth.status, 503);
  peer->Deliver(kOk);
  EXPECT_EQ(first.lines.back(), "end");
  EXPECT_EQ(stats_->waiting.Get(), 1U);
  peer->Deliver(kOk);
  EXPECT_EQ(second.lines.back(), "end");
  peer->Deliver(kOk);
  EXPECT_EQ(third.lines.back(), "end");
  EXPECT_EQ(network_.connects(), 1U);
  EXPECT_EQ(stats_->waiting.Get(), 0U);
}

TEST_F(BalanceTest, WaitIsLimitedAndMayBeGivenUp) {
  config::Upstream config = Config(1);
  config.max_connections = 1;
  config.queue_timeout_ms = 1'000;
  Make(std::move(config));
  Start();
  const auto peer = Connect();
  Caller& given_up = Start();
  Caller& late = Start();
  given_up.call.reset();
  EXPECT_EQ(stats_->waiting.Get(), 1U);
  loop_.Advance(1'200);
  EXPECT_THAT(late.lines, ElementsAre("failed queue_timeout"));
  EXPECT_EQ(late.status, 503);
  EXPECT_EQ(stats_->waiting.Get(), 0U);
  peer->Deliver(kOk);
  EXPECT_EQ(State(0)->active(), 0U);
}

TEST_F(BalanceTest, FullServersPassRequestsOnToTheOthers) {
  config::Upstream config = Config(2);
  config.max_connections = 2;
  Make(std::move(config));
  EXPECT_EQ(Go(4), "1212");
  EXPECT_EQ(Go(1), "");
  callers_.erase(callers_.begin());  // to the first
  EXPECT_EQ(Attempts(4), "1");
}

}  // namespace
}  // namespace sluice::proxy
