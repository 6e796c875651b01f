#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/base/inbox.h"
#include "sluice/uv/uv_loop.h"

namespace sluice::uv {
namespace {

TEST(UvLoopTest, WakeFromAnotherThreadRunsOnTheLoop) {
  const auto loop = MakeLoop();
  std::thread::id ran_on;
  const auto waker = loop->MakeWaker([&] {
    ran_on = std::this_thread::get_id();
    loop->Stop();
  });
  std::thread other([&waker] { waker->Wake(); });
  loop->Run();
  other.join();
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST(UvLoopTest, InboxKeepsEachProducersOrder) {
  const auto loop = MakeLoop();
  constexpr int kProducers = 4;
  constexpr int kEach = 5'000;
  std::vector<int> next(kProducers, 0);
  int total = 0;
  Inbox<std::pair<int, int>>* inbox = nullptr;
  const auto waker = loop->MakeWaker([&] {
    inbox->Drain([&](std::pair<int, int>& value) {
      EXPECT_EQ(value.second, next[static_cast<size_t>(value.first)]++);
      if (++total == kProducers * kEach) loop->Stop();
    });
  });
  Inbox<std::pair<int, int>> box([&waker] { waker->Wake(); });
  inbox = &box;
  std::vector<std::thread> producers;
  for (int p = 0; p < kProducers; ++p) {
    producers.emplace_back([&box, p] {
      for (int i = 0; i < kEach; ++i) box.Push({p, i});
    });
  }
  loop->Run();
  for (std::thread& producer : producers) producer.join();
  EXPECT_EQ(total, kProducers * kEach);
}

TEST(UvLoopTest, TimersMayBeDestroyedInTheirOwnCallback) {
  const auto loop = MakeLoop();
  std::unique_ptr<event::Timer> timer;
  int fired = 0;
  timer = loop->MakeTimer([&] {
    ++fired;
    timer.reset();
    loop->Stop();
  });
  timer->Start(1, 1);
  loop->Run();
  EXPECT_EQ(fired, 1);
}

TEST(UvLoopTest, DeferredObjectsDieAfterTheCallback) {
  struct Object : event::Deferred {
    explicit Object(bool& flag) : gone(flag) {}
    ~Object() override { gone = true; }
    bool& gone;
  };
  const auto loop = MakeLoop();
  bool gone = false;
  bool gone_in_callback = true;
  const auto idle = loop->MakeIdle([&] {
    if (gone) {
      loop->Stop();
      return;
    }
    loop->DeferDelete(std::make_unique<Object>(gone));
    gone_in_callback = gone;
  });
  idle->Start();
  loop->Run();
  EXPECT_FALSE(gone_in_callback);
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace sluice::uv
