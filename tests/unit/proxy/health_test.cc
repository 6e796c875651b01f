// Active health checks: what they send, what they make of the answers, and when they ask again.

#include <cerrno>

#include <gmock/gmock.h>

#include "sluice/proxy/health_checker.h"
#include "unit/proxy/upstream_fixture.h"

namespace sluice::proxy {
namespace {

using ::testing::ElementsAre;

class HealthTest : public UpstreamFixture {
 protected:
  static config::Upstream Checked() {
    config::Upstream config = Config();
    config::HealthCheck check;
    check.path = "/up";
    check.interval_ms = 5'000;
    check.timeout_ms = 1'000;
    check.rise = 2;
    check.fall = 3;
    config.health_check = check;
    return config;
  }
  void Begin(config::Upstream config) {
    state_ = std::make_shared<UpstreamState>(std::move(config));
    checker_ = std::make_unique<HealthChecker>(UpstreamEnvironment{loop_, timers_, network_});
    checker_->Check({state_});
  }
  ~HealthTest() override {
    checker_.reset();
    loop_.Turn();
  }
  [[nodiscard]] bool Healthy() const { return state_->Addresses(0).front()->healthy(); }
  // The next check is answered so.
  void Answer(std::string_view bytes) {
    const auto peer = Asked();
    peer->Deliver(bytes);
    EXPECT_TRUE(peer->destroyed());
  }
  // The next check, connected.
  std::shared_ptr<FakePeer> Asked() {
    for (int i = 0; i < 60 && network_.pending_connects() == 0; ++i) loop_.Advance(100);
    return Connect();
  }
  void AnswerTimes(int times, std::string_view bytes) {
    for (int i = 0; i < times; ++i) Answer(bytes);
  }

  static constexpr std::string_view kBad = "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n";
  static constexpr std::string_view kMoved = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n";

  std::unique_ptr<HealthChecker> checker_;
};

TEST_F(HealthTest, AsksAtOnceAndThenEachInterval) {
  Begin(Checked());
  const auto peer = Connect();
  EXPECT_EQ(peer->written(),
            "GET /up HTTP/1.1\r\nHost: app\r\nUser-Agent: sluice-health-check\r\n"
            "Connection: close\r\n\r\n");
  peer->Deliver(kOk);
  EXPECT_TRUE(peer->destroyed());
  loop_.Advance(4'000);
  EXPECT_EQ(network_.connects(), 1U);
  loop_.Advance(1'100);
  EXPECT_EQ(network_.connects(), 2U);
}

TEST_F(HealthTest, TimeIsCountedFromTheCheckNotFromWhatWentBefore) {
  config::Upstream config = Checked();
  config.health_check->fall = 1;
  loop_.HoldUp(3'000);  // a slow start: three times the longest wait for an answer
  Begin(std::move(config));
  loop_.Turn();
  const auto peer = Connect();
  peer->Deliver(kOk);
  EXPECT_TRUE(peer->destroyed());
  EXPECT_TRUE(Healthy());
}

TEST_F(HealthTest, FallsAndRisesAfterSomeInARow) {
  Begin(Checked());
  AnswerTimes(2, kBad);
  Answer(kOk);
  AnswerTimes(2, kBad);
  EXPECT_TRUE(Healthy());
  Answer(kBad);
  EXPECT_FALSE(Healthy());
  Answer(kMoved);
  Answer(kBad);
  Answer(kMoved);
  EXPECT_FALSE(Healthy());
  Answer(kOk);
  EXPECT_TRUE(Healthy());
}

TEST_F(HealthTest, EachFaultCounts) {
  config::Upstream config = Checked();
  config.health_check->fall = 1;
  config.health_check->rise = 1;
  Begin(std::move(config));
  const auto recover = [this] {
    EXPECT_FALSE(Healthy());
    Answer(kOk);
    EXPECT_TRUE(Healthy());
  };
  RefuseConnect();
  recover();
  Asked()->Deliver("nonsense\r\n\r\n");
  recover();
  Asked()->DeliverEnd();
  recover();
  Asked()->Kill(ECONNRESET);
  recover();
  Asked();
  loop_.Advance(1'200);  // silent
  recover();
  loop_.Advance(6'200);  // not even connected
  recover();
}

TEST_F(HealthTest, DownServersGetNoRequests) {
  config::Upstream config = Checked();
  config.health_check->fall = 1;
  Begin(std::move(config));
  Answer(kBad);
  upstream_ = MakeUpstream({loop_, timers_, network_}, state_);
  Caller& caller = Start();
  loop_.Turn();
  EXPECT_THAT(caller.lines, ElementsAre("failed no_server"));
}

TEST_F(HealthTest, EachAddressOfANameIsChecked) {
  config::Upstream config = Checked();
  config.servers[0].endpoint.host = "app.example";
  config.health_check->fall = 1;
  Begin(std::move(config));
  EXPECT_EQ(network_.connects(), 0U);
  network_.CompleteLookup({"192.0.2.1", "192.0.2.2"});
  loop_.Turn();
  EXPECT_EQ(Attempts(), "12");
  RefuseConnect();
  Connect()->Deliver(kOk);
  const auto addresses = state_->Addresses(0);
  ASSERT_EQ(addresses.size(), 2U);
  EXPECT_FALSE(addresses[0]->healthy());
  EXPECT_TRUE(addresses[1]->healthy());
}

TEST_F(HealthTest, UpstreamThatIsGoneIsCheckedNoMoreAndTheOthersKeepTheirCount) {
  config::Upstream config = Checked();
  config.health_check->fall = 2;
  Begin(std::move(config));
  Answer(kBad);
  checker_->Check({state_});
  EXPECT_EQ(network_.pending_connects(), 0U);
  Answer(kBad);
  EXPECT_FALSE(Healthy());
  checker_->Check({});
  EXPECT_EQ(network_.pending_connects(), 0U);
  loop_.Advance(20'000);
  EXPECT_EQ(network_.pending_connects(), 0U);
}

}  // namespace
}  // namespace sluice::proxy
