#include "sluice/event/timer_wheel.h"

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/fake_loop.h"

namespace sluice::event {
namespace {

using testing::FakeLoop;

// A timeout that remembers when it fired.
struct Alarm : TimerWheel::Handler {
  explicit Alarm(FakeLoop& l) : loop(l) {}
  void OnTimeout(TimerWheel::Node& fired) override {
    EXPECT_EQ(&fired, &node);
    EXPECT_FALSE(node.armed());
    fired_at.push_back(loop.NowMs());
    if (then) then();
  }

  FakeLoop& loop;
  TimerWheel::Node node{*this};
  std::vector<uint64_t> fired_at;
  std::function<void()> then;
};

class TimerWheelTest : public ::testing::Test {
 protected:
  FakeLoop loop_;
  std::unique_ptr<TimerWheel> wheel_ = std::make_unique<TimerWheel>(loop_);
  uint64_t start_ = loop_.NowMs();
};

TEST_F(TimerWheelTest, FiresOnceNotEarlyAndAtMostATickLate) {
  for (const uint64_t delay : {0U, 1U, 99U, 100U, 101U, 2'000U, 75'000U}) {
    loop_.Advance(37);
    const uint64_t armed_at = loop_.NowMs();
    Alarm alarm(loop_);
    wheel_->Arm(alarm.node, delay);
    loop_.Advance(300'000);
    ASSERT_EQ(alarm.fired_at.size(), 1U) << delay;
    EXPECT_GE(alarm.fired_at[0], armed_at + delay) << delay;
    EXPECT_LE(alarm.fired_at[0], armed_at + delay + TimerWheel::kTickMs) << delay;
  }
}

TEST_F(TimerWheelTest, ArmByMovesATimeoutToEarlierTimesAlone) {
  Alarm alarm(loop_);
  wheel_->ArmBy(alarm.node, start_ + 5'000);
  wheel_->ArmBy(alarm.node, start_ + 9'000);
  loop_.Advance(5'100);
  ASSERT_EQ(alarm.fired_at.size(), 1U);
  EXPECT_GE(alarm.fired_at[0], start_ + 5'000);
  wheel_->ArmBy(alarm.node, start_ + 9'000);
  wheel_->ArmBy(alarm.node, start_ + 7'000);
  loop_.Advance(2'000);
  ASSERT_EQ(alarm.fired_at.size(), 2U);
  EXPECT_GE(alarm.fired_at[1], start_ + 7'000);
  loop_.Advance(10'000);
  EXPECT_EQ(alarm.fired_at.size(), 2U);
}

TEST_F(TimerWheelTest, ArmByATimeThatIsOverFiresInTheNextTick) {
  Alarm alarm(loop_);
  wheel_->ArmBy(alarm.node, start_ - 5'000);
  EXPECT_TRUE(alarm.fired_at.empty());
  loop_.Advance(TimerWheel::kTickMs);
  EXPECT_EQ(alarm.fired_at.size(), 1U);
}

TEST_F(TimerWheelTest, TimeoutBeyondOneRevolutionWaitsForItsRound) {
  Alarm alarm(loop_);
  wheel_->Arm(alarm.node, 250'000);
  loop_.Advance(249'900);
  EXPECT_TRUE(alarm.fired_at.empty());
  loop_.Advance(200);
  EXPECT_EQ(alarm.fired_at.size(), 1U);
}

TEST_F(TimerWheelTest, LoopSleepsWhileNothingIsArmed) {
  EXPECT_EQ(loop_.running_timers(), 0U);
  Alarm alarm(loop_);
  wheel_->Arm(alarm.node, 500);
  EXPECT_EQ(loop_.running_timers(), 1U);
  EXPECT_EQ(wheel_->armed_count(), 1U);
  alarm.node.Cancel();
  EXPECT_EQ(wheel_->armed_count(), 0U);
  loop_.Advance(1'000);
  EXPECT_EQ(loop_.running_timers(), 0U);
  EXPECT_TRUE(alarm.fired_at.empty());
}

TEST_F(TimerWheelTest, WakesTheLoopOnlyForSlotsThatHoldSomething) {
  struct CountingLoop : FakeLoop {
    std::unique_ptr<Timer> MakeTimer(std::function<void()> fire) override {
      return FakeLoop::MakeTimer([this, fire = std::move(fire)] {
        ++wakes;
        fire();
      });
    }
    int wakes = 0;
  } loop;
  TimerWheel wheel(loop);
  Alarm late(loop);
  Alarm early(loop);
  wheel.Arm(late.node, 60'000);
  wheel.Arm(early.node, 1'000);
  loop.Advance(60'100);
  EXPECT_EQ(early.fired_at.size(), 1U);
  EXPECT_EQ(late.fired_at.size(), 1U);
  EXPECT_EQ(loop.wakes, 2);
}

TEST_F(TimerWheelTest, ArmingAgainReplaces) {
  Alarm alarm(loop_);
  wheel_->Arm(alarm.node, 1'000);
  loop_.Advance(900);
  wheel_->Arm(alarm.node, 1'000);
  EXPECT_EQ(wheel_->armed_count(), 1U);
  loop_.Advance(900);
  EXPECT_TRUE(alarm.fired_at.empty());
  loop_.Advance(200);
  EXPECT_EQ(alarm.fired_at.size(), 1U);
}

TEST_F(TimerWheelTest, DestroyedNodeNeverFires) {
  Alarm stays(loop_);
  wheel_->Arm(stays.node, 300);
  {
    Alarm goes(loop_);
    wheel_->Arm(goes.node, 300);
  }
  EXPECT_EQ(wheel_->armed_count(), 1U);
  loop_.Advance(1'000);
  EXPECT_EQ(stays.fired_at.size(), 1U);
}

TEST_F(TimerWheelTest, HandlerMayDestroyAndCancelOthersOfTheSameSlot) {
  std::vector<std::unique_ptr<Alarm>> alarms;
  size_t fired = 0;
  for (int i = 0; i < 4; ++i) {
    alarms.push_back(std::make_unique<Alarm>(loop_));
    wheel_->Arm(alarms.back()->node, 300);
    // Whoever comes first takes its neighbours out.
    alarms.back()->then = [&, i] {
      ++fired;
      if (i == 0) {
        alarms[2].reset();
        alarms[1]->node.Cancel();
      } else if (i == 3) {
        alarms[2].reset();
        alarms[0]->node.Cancel();
        alarms[1]->node.Cancel();
      }
    };
  }
  loop_.Advance(1'000);
  EXPECT_EQ(wheel_->armed_count(), 0U);
  EXPECT_LE(fired, 2U);
  EXPECT_GE(fired, 1U);
}

TEST_F(TimerWheelTest, HandlerMayArmItselfWithoutDelay) {
  Alarm alarm(loop_);
  alarm.then = [&] {
    if (alarm.fired_at.size() < 3) wheel_->Arm(alarm.node, 0);
  };
  wheel_->Arm(alarm.node, 0);
  loop_.Advance(1'000);
  EXPECT_EQ(alarm.fired_at.size(), 3U);
}

TEST_F(TimerWheelTest, NodeMayOutliveTheWheel) {
  Alarm alarm(loop_);
  wheel_->Arm(alarm.node, 300);
  wheel_.reset();
  EXPECT_FALSE(alarm.node.armed());
  loop_.Advance(1'000);
  EXPECT_TRUE(alarm.fired_at.empty());
}

TEST_F(TimerWheelTest, ManyTimeoutsAllFireInOrderOfTime) {
  std::vector<std::unique_ptr<Alarm>> alarms;
  for (uint64_t i = 0; i < 3'000; ++i) {
    alarms.push_back(std::make_unique<Alarm>(loop_));
    wheel_->Arm(alarms.back()->node, (i * 7919) % 150'000);
  }
  loop_.Advance(151'000);
  EXPECT_EQ(wheel_->armed_count(), 0U);
  for (uint64_t i = 0; i < alarms.size(); ++i) {
    const uint64_t due = start_ + (i * 7919) % 150'000;
    ASSERT_EQ(alarms[i]->fired_at.size(), 1U) << i;
    EXPECT_GE(alarms[i]->fired_at[0], due) << i;
    EXPECT_LE(alarms[i]->fired_at[0], due + TimerWheel::kTickMs) << i;
  }
}

}  // namespace
}  // namespace sluice::event
