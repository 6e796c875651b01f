// An event::Loop on a clock that the test moves. Nothing runs by itself: Turn and Advance do what a
// real loop would have done by then. The loop's thread is the one that calls them; Waker::Wake may
// be called from any thread.
//
// One turn: due timers, posted functions, wakers that were woken, running idles, deferred deletes.
// What a callback starts, wakes or posts takes its turn in the next one. A loop that is destroyed
// before what was made on it is a test failure, as it is an assertion in the real one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "sluice/event/loop.h"

namespace sluice::testing {

class FakeLoop : public event::Loop {
 public:
  FakeLoop();
  ~FakeLoop() override;
  FakeLoop(const FakeLoop&) = delete;
  FakeLoop& operator=(const FakeLoop&) = delete;

  // Runs one turn at the present time.
  void Turn();
  // Moves the clock by `ms`: stops at each time at which a timer is due to run a turn there, in
  // order of due time (timers due together: in the order of their Start), and ends with a turn.
  void Advance(uint64_t ms);
  // Runs `function` in the next turn.
  void Post(std::function<void()> function);

  // Calls the watchers of `fd` with those of `events` that they watch.
  void FdReady(int fd, uint8_t events);
  // The present turn takes so long: what Advance, Turn and UpdateNow find.
  void HoldUp(uint64_t ms) { held_up_ms_ += ms; }
  // Makes MakeFdWatcher return null while on.
  void RefuseFdWatchers(bool on) { refuse_fd_watchers_ = on; }
  // Calls those that wait for the signal.
  void RaiseSignal(int number);

  [[nodiscard]] size_t running_timers() const;
  [[nodiscard]] size_t running_idles() const;
  // Timers, wakers, idles, watchers and signals that exist.
  [[nodiscard]] size_t live_handles() const;

  [[nodiscard]] uint64_t NowMs() const override { return now_ms_; }
  [[nodiscard]] uint64_t NowNs() const override { return now_ms_ * 1'000'000U; }
  [[nodiscard]] uint64_t TurnNs() const override { return NowNs(); }
  void UpdateNow() override { now_ms_ += std::exchange(held_up_ms_, 0); }
  [[nodiscard]] std::unique_ptr<event::Timer> MakeTimer(std::function<void()> fire) override;
  [[nodiscard]] std::unique_ptr<event::Waker> MakeWaker(std::function<void()> woken) override;
  [[nodiscard]] std::unique_ptr<event::Idle> MakeIdle(std::function<void()> turn) override;
  [[nodiscard]] std::unique_ptr<event::FdWatcher> MakeFdWatcher(
      int fd, std::function<void(uint8_t events)> ready) override;
  [[nodiscard]] std::unique_ptr<event::Deferred> OnSignal(int number,
                                                          std::function<void()> arrived) override;
  void DeferDelete(std::unique_ptr<event::Deferred> object) override;

  // Runs turns until Stop, or until nothing is left to do; when only timers are left, the clock
  // jumps to the next one.
  void Run() override;
  void Stop() override { stopped_ = true; }

 private:
  struct TimerState;
  struct WakerState;
  struct IdleState;
  struct FdState;
  struct SignalState;
  class FakeTimer;
  class FakeWaker;
  class FakeIdle;
  class FakeFdWatcher;
  class FakeSignal;

  [[nodiscard]] std::shared_ptr<TimerState> NextTimer() const;
  void FireDueTimers();
  [[nodiscard]] bool HasWork() const;
  void Prune();

  // Far from zero, so that code that takes 0 for "never" or subtracts too much is found out.
  uint64_t now_ms_ = 1'000'000;
  uint64_t held_up_ms_ = 0;
  uint64_t starts_ = 0;  // orders timers due together
  bool stopped_ = false;
  bool refuse_fd_watchers_ = false;
  // Handles and this list share the states, so a handle can be destroyed inside its own callback.
  std::vector<std::shared_ptr<TimerState>> timers_;
  std::vector<std::shared_ptr<WakerState>> wakers_;
  std::vector<std::shared_ptr<IdleState>> idles_;
  std::vector<std::shared_ptr<FdState>> fds_;
  std::vector<std::shared_ptr<SignalState>> signals_;
  std::vector<std::function<void()>> posted_;
  std::vector<std::unique_ptr<event::Deferred>> deferred_;
};

}  // namespace sluice::testing
