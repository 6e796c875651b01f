// max_connections of the whole process: places that several workers share.

#include <gmock/gmock.h>

#include "unit/proxy/upstream_fixture.h"

namespace sluice::proxy {
namespace {

using ::testing::ElementsAre;

class PlacesTest : public UpstreamFixture {
 protected:
  void MakeTwo(uint32_t places) {
    config::Upstream config = Config();
    config.max_connections = places;
    config.keepalive = 0;
    Make(std::move(config));
    other_ = MakeUpstream({loop_, timers_, network_}, state_);
  }
  ~PlacesTest() override {
    callers_.clear();
    other_.reset();
  }
  Caller& StartOther() {
    callers_.push_back(std::make_unique<Caller>());
    callers_.back()->call = other_->Start(Get(), *callers_.back());
    return *callers_.back();
  }
  static bool Waits(const Caller& caller) { return caller.call->record().tries == 0; }
  // Wakers, and what they cause.
  void Settle() {
    for (int i = 0; i < 4; ++i) loop_.Turn();
  }

  std::unique_ptr<Upstream> other_;
};

TEST_F(PlacesTest, PlaceThatOneWorkerFreesIsOfferedToTheOther) {
  MakeTwo(1);
  Caller& first = Start();
  Caller& second = StartOther();
  EXPECT_FALSE(Waits(first));
  EXPECT_TRUE(Waits(second));
  first.call.reset();
  Settle();
  EXPECT_FALSE(Waits(second));
}

TEST_F(PlacesTest, WorkersTakeTurnsAndNobodyPushesIn) {
  MakeTwo(1);
  Caller& first = Start();
  Caller& other = StartOther();
  Caller& own = Start();
  first.call.reset();
  Caller& late = Start();
  EXPECT_TRUE(Waits(late)) << "a free place belongs to those who wait";
  Settle();
  EXPECT_FALSE(Waits(other));
  EXPECT_TRUE(Waits(own));
  other.call.reset();
  Settle();
  EXPECT_FALSE(Waits(own));
  EXPECT_TRUE(Waits(late));
  own.call.reset();
  Settle();
  EXPECT_FALSE(Waits(late));
}

TEST_F(PlacesTest, OfferThatIsNotWantedAnyMoreIsPassedOn) {
  MakeTwo(1);
  Caller& first = Start();
  Caller& gone = StartOther();
  Caller& own = Start();
  first.call.reset();  // offered to the other worker
  gone.call.reset();
  Settle();
  EXPECT_FALSE(Waits(own));
}

TEST_F(PlacesTest, AllPlacesAreUsed) {
  MakeTwo(2);
  Caller& first = Start();
  Caller& second = StartOther();
  std::vector<Caller*> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(&Start());
    waiting.push_back(&StartOther());
  }
  first.call.reset();
  second.call.reset();
  for (int served = 2; served <= 6; ++served) {
    Settle();
    EXPECT_EQ(state_->Addresses(0).front()->active(), 2U);
    int running = 0;
    for (Caller* caller : waiting) running += caller->call != nullptr && !Waits(*caller) ? 1 : 0;
    EXPECT_EQ(running, 2);
    for (Caller* caller : waiting) {
      if (caller->call == nullptr || Waits(*caller)) continue;
      caller->call.reset();
      break;
    }
  }
  Settle();
  EXPECT_EQ(state_->Addresses(0).front()->active(), 1U);
}

TEST_F(PlacesTest, WorkerThatIsGoneHoldsNoOneUp) {
  MakeTwo(1);
  Caller& first = Start();
  Caller& other = StartOther();
  Caller& own = Start();
  other.call.reset();
  other_.reset();
  first.call.reset();
  Settle();
  EXPECT_FALSE(Waits(own));
}

TEST_F(PlacesTest, SwitchedConnectionKeepsItsPlace) {
  MakeTwo(1);
  CallRequest request = Get();
  request.upgrade = true;
  Caller& tunnel = Start(std::move(request));
  const auto peer = Connect();
  peer->Deliver(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nhi");
  EXPECT_THAT(tunnel.lines, ElementsAre("upgraded 101 hi"));
  tunnel.call.reset();
  Caller& waiting = StartOther();
  Settle();
  EXPECT_TRUE(Waits(waiting));
  EXPECT_EQ(server_stats().active.Get(), 1U);
  tunnel.stream.reset();
  EXPECT_TRUE(peer->destroyed());
  Settle();
  EXPECT_FALSE(Waits(waiting));
}

}  // namespace
}  // namespace sluice::proxy
