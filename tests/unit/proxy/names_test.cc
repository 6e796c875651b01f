// Servers given by name: resolved without holding anyone up, and again while the gateway runs.

#include <gmock/gmock.h>

#include "proxy/name_watcher.h"
#include "unit/proxy/upstream_fixture.h"

namespace sluice::proxy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class NamesTest : public UpstreamFixture {
 protected:
  static config::Upstream Named() {
    config::Upstream config = Config();
    config.servers[0].endpoint.host = "app.example";
    config.resolve_interval_ms = 10'000;
    return config;
  }
  void Resolve(const std::vector<std::string>& hosts) {
    EXPECT_TRUE(network_.CompleteLookup(hosts));
    loop_.Turn();
  }
  void FailToResolve() {
    EXPECT_TRUE(network_.FailLookup({.code = Errc::kNotFound, .message = "cannot resolve it"}));
    loop_.Turn();
  }
  // Where the next calls go, which are then aborted.
  std::string Go(size_t count) {
    const size_t before = network_.connects();
    for (size_t i = 0; i < count; ++i) Start();
    for (size_t i = 0; i < count; ++i) callers_.pop_back();
    return Attempts(before);
  }
};

TEST_F(NamesTest, RequestsWaitForTheFirstLookup) {
  Make(Named());
  Caller& caller = Start();
  loop_.Turn();
  EXPECT_EQ(network_.connects(), 0U);
  EXPECT_EQ(network_.lookup_endpoint(0).host, "app.example");
  Resolve({"192.0.2.7"});
  ASSERT_EQ(network_.connects(), 1U);
  EXPECT_EQ(network_.connect_endpoint(0).ToString(), "192.0.2.7:80");
  Connect()->Deliver(kOk);
  EXPECT_EQ(caller.lines.back(), "end");
  EXPECT_EQ(caller.call->record().server, "app.example:80") << "as configured";
}

TEST_F(NamesTest, EachAddressIsAServer) {
  Make(Named());
  Resolve({"192.0.2.2", "192.0.2.1", "192.0.2.3"});
  EXPECT_EQ(Go(6), "123123");
  EXPECT_EQ(state_->Addresses(0).size(), 3U);
  Caller& caller = Start();
  RefuseConnect();
  RefuseConnect();
  Connect()->Deliver(kOk);
  EXPECT_EQ(caller.lines.back(), "end");
}

TEST_F(NamesTest, NameThatIsUnknownFailsAtOnceAndIsAskedForAgainSoon) {
  Make(Named());
  Caller& early = Start();
  FailToResolve();
  loop_.Turn();
  EXPECT_THAT(early.lines, ElementsAre("failed connect"));
  EXPECT_EQ(early.detail, "cannot resolve it");
  EXPECT_EQ(early.status, 502);
  Caller& late = Start();
  loop_.Turn();
  EXPECT_THAT(late.lines, ElementsAre("failed connect"));
  loop_.Advance(1'200);
  Resolve({"192.0.2.1"});
  EXPECT_EQ(Go(1), "1");
}

TEST_F(NamesTest, SilentResolverFailsTheWaiting) {
  Make(Named());
  Caller& caller = Start();
  loop_.Advance(5'200);
  EXPECT_THAT(caller.lines, ElementsAre("failed connect_timeout"));
  EXPECT_EQ(caller.status, 504);
}

TEST_F(NamesTest, NameIsResolvedAgainAndServersComeAndGo) {
  Make(Named());
  Resolve({"192.0.2.1", "192.0.2.2"});
  const auto first = KeptConnection();
  EXPECT_EQ(network_.connect_endpoint(0).host, "192.0.2.1");
  Caller& busy = Start();  // at the second
  const auto second = Connect();
  EXPECT_EQ(network_.connect_endpoint(1).host, "192.0.2.2");
  loop_.Advance(10'100);
  Resolve({"192.0.2.3", "192.0.2.1"});
  EXPECT_FALSE(first->destroyed()) << "what stays keeps its connections";
  EXPECT_EQ(state_->Addresses(0).size(), 3U);
  second->Deliver(kOk);
  EXPECT_EQ(busy.lines.back(), "end") << "what goes ends its requests";
  EXPECT_TRUE(second->destroyed()) << "and keeps no connection";
  loop_.Advance(10'100);
  Resolve({"192.0.2.3"});
  EXPECT_TRUE(first->destroyed());
  EXPECT_EQ(server_stats().idle.Get(), 0U);
  EXPECT_EQ(state_->Addresses(0).size(), 1U);
  EXPECT_EQ(Go(2), "33");
}

TEST_F(NamesTest, LookupThatFailsLaterChangesNothing) {
  Make(Named());
  Resolve({"192.0.2.1"});
  loop_.Advance(10'100);
  FailToResolve();
  EXPECT_EQ(Go(1), "1");
  loop_.Advance(10'100);
  Resolve({"192.0.2.2"});
  EXPECT_EQ(Go(1), "2");
}

TEST_F(NamesTest, WorkersShareTheStateOfAnAddress) {
  Make(Named());
  Resolve({"192.0.2.1", "192.0.2.2"});
  const auto other = MakeUpstream({loop_, timers_, network_}, state_);
  Resolve({"192.0.2.2", "192.0.2.1"});
  ASSERT_EQ(state_->Addresses(0).size(), 2U);
  state_->Addresses(0).front()->set_healthy(false);
  Caller caller;
  for (int i = 0; i < 2; ++i) {
    caller.call = other->Start(Get(), caller);
    EXPECT_EQ(network_.connect_endpoint(network_.connects() - 1).host, "192.0.2.2");
  }
  EXPECT_EQ(Go(2), "22");
}

TEST_F(NamesTest, NamesAndAddressesMayBeMixed) {
  config::Upstream config = Named();
  config::UpstreamServer numeric;
  numeric.endpoint = {.host = "192.0.2.9", .port = 80, .unix_path = ""};
  config.servers.push_back(numeric);
  Make(std::move(config));
  EXPECT_EQ(Go(1), "9") << "no need to wait for the name";
  Resolve({"192.0.2.1"});
  EXPECT_EQ(Go(2), "19");
}

}  // namespace
}  // namespace sluice::proxy
