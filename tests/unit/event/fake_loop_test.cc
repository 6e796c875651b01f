// The fake loop keeps the promises of event/loop.h, so that a test over it means something.
#include "support/fake_loop.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

namespace sluice::testing {
namespace {

TEST(FakeLoopTest, TimersFireInOrderOfDueTime) {
  FakeLoop loop;
  std::string order;
  const uint64_t start = loop.NowMs();
  const auto late =
      loop.MakeTimer([&] { order += "late@" + std::to_string(loop.NowMs() - start); });
  const auto first = loop.MakeTimer([&] { order += "first "; });
  const auto second = loop.MakeTimer([&] { order += "second "; });
  late->Start(30);
  first->Start(10);
  second->Start(10);
  loop.Advance(9);
  EXPECT_EQ(order, "");
  loop.Advance(100);
  EXPECT_EQ(order, "first second late@30");
  EXPECT_EQ(loop.NowMs() - start, 109U);
  EXPECT_EQ(loop.NowNs(), loop.NowMs() * 1'000'000U);
}

TEST(FakeLoopTest, RepeatingTimerFiresUntilStopped) {
  FakeLoop loop;
  int fired = 0;
  const auto timer = loop.MakeTimer([&] { ++fired; });
  timer->Start(5, 10);
  loop.Advance(25);
  EXPECT_EQ(fired, 3);
  timer->Start(100);
  loop.Advance(99);
  EXPECT_EQ(fired, 3) << "Start begins anew";
  loop.Advance(1000);
  EXPECT_EQ(fired, 4) << "and without repeat it fires once";
  timer->Start(1);
  timer->Stop();
  loop.Advance(10);
  EXPECT_EQ(fired, 4);
  EXPECT_EQ(loop.running_timers(), 0U);
}

TEST(FakeLoopTest, HandlesMayBeDestroyedInTheirOwnAndOthersCallbacks) {
  FakeLoop loop;
  std::unique_ptr<event::Timer> other = loop.MakeTimer([] { ADD_FAILURE() << "it was destroyed"; });
  std::unique_ptr<event::Timer> timer;
  const auto kept = std::make_shared<int>(7);
  timer = loop.MakeTimer([&timer, &other, kept] {
    timer.reset();
    other.reset();
    EXPECT_EQ(*kept, 7) << "what the callback holds lives until it returns";
  });
  timer->Start(1);
  other->Start(1);
  std::unique_ptr<event::Idle> idle;
  idle = loop.MakeIdle([&] { idle.reset(); });
  idle->Start();
  loop.Advance(5);
  EXPECT_EQ(loop.live_handles(), 0U);
}

TEST(FakeLoopTest, WakesOfOtherThreadsBecomeOneCallback) {
  FakeLoop loop;
  int woken = 0;
  const auto waker = loop.MakeWaker([&] { ++woken; });
  loop.Turn();
  EXPECT_EQ(woken, 0);
  std::thread thread([&] {
    waker->Wake();
    waker->Wake();
  });
  thread.join();
  loop.Turn();
  loop.Turn();
  EXPECT_EQ(woken, 1);
}

TEST(FakeLoopTest, OneTurnDoesWakersIdlesAndDeletesAndLeavesWhatTheyStart) {
  struct Noted : event::Deferred {
    explicit Noted(std::string& log) : log_(log) {}
    ~Noted() override { log_ += "deleted "; }
    std::string& log_;
  };
  FakeLoop loop;
  std::string log;
  const auto idle = loop.MakeIdle([&] { log += "idle "; });
  const auto waker = loop.MakeWaker([&] {
    log += "woken ";
    idle->Start();
    loop.Post([&] { log += "posted "; });
    loop.DeferDelete(std::make_unique<Noted>(log));
  });
  waker->Wake();
  loop.Turn();
  EXPECT_EQ(log, "woken deleted ");
  log.clear();
  loop.Turn();
  EXPECT_EQ(log, "posted idle ");
  idle->Stop();
  loop.Turn();
  EXPECT_EQ(log, "posted idle ");
}

TEST(FakeLoopTest, WatchersGetOnlyTheEventsTheyWatch) {
  FakeLoop loop;
  int got = 0;
  const auto watcher = loop.MakeFdWatcher(5, [&](uint8_t events) { got = events; });
  ASSERT_NE(watcher, nullptr);
  loop.FdReady(5, event::FdWatcher::kReadable);
  EXPECT_EQ(got, 0);
  watcher->Watch(event::FdWatcher::kReadable | event::FdWatcher::kPeerClosed);
  loop.FdReady(6, event::FdWatcher::kReadable);
  EXPECT_EQ(got, 0);
  loop.FdReady(5, event::FdWatcher::kWritable | event::FdWatcher::kPeerClosed);
  EXPECT_EQ(got, event::FdWatcher::kPeerClosed);
  loop.RefuseFdWatchers(true);
  EXPECT_EQ(loop.MakeFdWatcher(5, [](uint8_t) {}), nullptr);
}

TEST(FakeLoopTest, SignalsReachThoseThatWait) {
  FakeLoop loop;
  int arrived = 0;
  auto watch = loop.OnSignal(15, [&] { ++arrived; });
  loop.RaiseSignal(15);
  loop.RaiseSignal(1);
  EXPECT_EQ(arrived, 1);
  watch.reset();
  loop.RaiseSignal(15);
  EXPECT_EQ(arrived, 1);
}

TEST(FakeLoopTest, RunGoesOnUntilStoppedOrNothingIsLeft) {
  FakeLoop loop;
  int ticks = 0;
  const auto timer = loop.MakeTimer([&] {
    if (++ticks == 3) loop.Stop();
  });
  timer->Start(1000, 1000);
  loop.Run();
  EXPECT_EQ(ticks, 3);
  timer->Start(50);
  loop.Run();
  EXPECT_EQ(ticks, 4);
}

}  // namespace
}  // namespace sluice::testing
