// The sets of two configurations: what goes on, and what is retired.
#include <memory>

#include <gtest/gtest.h>

#include "unit/proxy/upstream_fixture.h"

namespace sluice::proxy {
namespace {

class UpstreamSetTest : public UpstreamFixture {
 protected:
  static config::Upstream Named(const char* name, const char* host) {
    config::Upstream config = Config();
    config.name = name;
    config.servers[0].endpoint.host = host;
    return config;
  }
  std::unique_ptr<UpstreamSet> Make(const std::vector<config::Upstream>& config,
                                    const UpstreamSet* before = nullptr) {
    states_ = MakeUpstreamStates(config, states_);
    return std::make_unique<UpstreamSet>(UpstreamEnvironment{loop_, timers_, network_}, states_,
                                         before);
  }
  std::unique_ptr<Caller> Call(Upstream& upstream) {
    auto caller = std::make_unique<Caller>();
    caller->call = upstream.Start(Get(), *caller);
    return caller;
  }

  UpstreamStates states_;
};

TEST_F(UpstreamSetTest, UnchangedUpstreamsKeepTheirConnections) {
  auto before = Make({Named("app", "192.0.2.1"), Named("api", "192.0.2.2")});
  const auto caller = Call(before->at(0));
  const auto peer = Connect();
  peer->Deliver(kOk);
  caller->call.reset();
  auto after = Make({Named("new", "192.0.2.3"), Named("app", "192.0.2.1")}, before.get());
  EXPECT_EQ(after->Find("app"), &after->at(1));
  EXPECT_EQ(&after->at(1), &before->at(0));
  before.reset();
  EXPECT_FALSE(peer->destroyed());
  const auto next = Call(after->at(1));
  peer->Deliver(kOk);
  EXPECT_EQ(next->lines.back(), "end");
  EXPECT_EQ(network_.connects(), 1U) << "it went over the kept one";
}

TEST_F(UpstreamSetTest, ChangedUpstreamsFinishWhatIsUnderWay) {
  auto before = Make({Named("app", "192.0.2.1")});
  const auto idle = Call(before->at(0));
  const auto busy = Call(before->at(0));
  const auto idle_peer = Connect();
  const auto busy_peer = Connect();
  idle_peer->Deliver(kOk);
  EXPECT_FALSE(idle_peer->destroyed());

  auto changed = Named("app", "192.0.2.1");
  changed.keepalive = 1;
  const auto after = Make({changed}, before.get());
  loop_.Turn();
  EXPECT_TRUE(idle_peer->destroyed()) << "kept connections are of no more use";
  EXPECT_NE(&after->at(0), &before->at(0));
  // One that began before and asks only now, too.
  const auto late = Call(before->at(0));
  const auto late_peer = Connect();
  for (const auto& peer : {busy_peer, late_peer}) peer->Deliver(kOk);
  EXPECT_EQ(busy->lines.back(), "end");
  EXPECT_EQ(late->lines.back(), "end");
  busy->call.reset();
  late->call.reset();
  idle->call.reset();
  loop_.Turn();
  EXPECT_TRUE(busy_peer->destroyed());
  EXPECT_TRUE(late_peer->destroyed());
  before.reset();
  const auto next = Call(after->at(0));
  Connect()->Deliver(kOk);
  EXPECT_EQ(next->lines.back(), "end");
}

}  // namespace
}  // namespace sluice::proxy
