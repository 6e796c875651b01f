#include "support/fake_loop.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include <gtest/gtest.h>

namespace sluice::testing {

struct FakeLoop::TimerState {
  std::function<void()> fire;
  bool alive = true;
  bool running = false;
  uint64_t due_ms = 0;
  uint64_t repeat_ms = 0;
  uint64_t start = 0;
};

struct FakeLoop::WakerState {
  std::function<void()> woken;
  bool alive = true;
  std::atomic<bool> wake{false};
};

struct FakeLoop::IdleState {
  std::function<void()> turn;
  bool alive = true;
  bool running = false;
};

struct FakeLoop::FdState {
  int fd = -1;
  std::function<void(uint8_t)> ready;
  bool alive = true;
  uint8_t watched = 0;
};

struct FakeLoop::SignalState {
  int number = 0;
  std::function<void()> arrived;
  bool alive = true;
};

class FakeLoop::FakeTimer : public event::Timer {
 public:
  FakeTimer(FakeLoop& loop, std::shared_ptr<TimerState> state)
      : loop_(loop), state_(std::move(state)) {}
  ~FakeTimer() override { state_->alive = state_->running = false; }
  void Start(uint64_t delay_ms, uint64_t repeat_ms) override {
    state_->running = true;
    state_->due_ms = loop_.now_ms_ + delay_ms;
    state_->repeat_ms = repeat_ms;
    state_->start = ++loop_.starts_;
  }
  void Stop() override { state_->running = false; }

 private:
  FakeLoop& loop_;
  std::shared_ptr<TimerState> state_;
};

class FakeLoop::FakeWaker : public event::Waker {
 public:
  explicit FakeWaker(std::shared_ptr<WakerState> state) : state_(std::move(state)) {}
  ~FakeWaker() override { state_->alive = false; }
  void Wake() override { state_->wake.store(true); }

 private:
  std::shared_ptr<WakerState> state_;
};

class FakeLoop::FakeIdle : public event::Idle {
 public:
  explicit FakeIdle(std::shared_ptr<IdleState> state) : state_(std::move(state)) {}
  ~FakeIdle() override { state_->alive = state_->running = false; }
  void Start() override { state_->running = true; }
  void Stop() override { state_->running = false; }

 private:
  std::shared_ptr<IdleState> state_;
};

class FakeLoop::FakeFdWatcher : public event::FdWatcher {
 public:
  explicit FakeFdWatcher(std::shared_ptr<FdState> state) : state_(std::move(state)) {}
  ~FakeFdWatcher() override {
    state_->alive = false;
    state_->watched = 0;
  }
  void Watch(uint8_t events) override { state_->watched = events; }

 private:
  std::shared_ptr<FdState> state_;
};

class FakeLoop::FakeSignal : public event::Deferred {
 public:
  explicit FakeSignal(std::shared_ptr<SignalState> state) : state_(std::move(state)) {}
  ~FakeSignal() override { state_->alive = false; }

 private:
  std::shared_ptr<SignalState> state_;
};

FakeLoop::FakeLoop() = default;

FakeLoop::~FakeLoop() {
  while (!deferred_.empty()) std::exchange(deferred_, {}).clear();
  posted_.clear();
  if (live_handles() != 0) ADD_FAILURE() << live_handles() << " handles outlive their FakeLoop";
}

std::shared_ptr<FakeLoop::TimerState> FakeLoop::NextTimer() const {
  std::shared_ptr<TimerState> next;
  for (const auto& timer : timers_) {
    if (!timer->running) continue;
    if (!next || std::pair(timer->due_ms, timer->start) < std::pair(next->due_ms, next->start)) {
      next = timer;
    }
  }
  return next;
}

void FakeLoop::FireDueTimers() {
  const uint64_t last_start = starts_;
  std::vector<std::shared_ptr<TimerState>> due;
  for (const auto& timer : timers_) {
    if (timer->running && timer->due_ms <= now_ms_) due.push_back(timer);
  }
  std::sort(due.begin(), due.end(), [](const auto& a, const auto& b) {
    return std::pair(a->due_ms, a->start) < std::pair(b->due_ms, b->start);
  });
  for (const auto& timer : due) {
    // An earlier callback may have stopped or restarted it.
    if (!timer->running || timer->start > last_start) continue;
    if (timer->repeat_ms > 0) {
      timer->due_ms = now_ms_ + timer->repeat_ms;
      timer->start = ++starts_;
    } else {
      timer->running = false;
    }
    timer->fire();
  }
}

void FakeLoop::Turn() {
  UpdateNow();
  FireDueTimers();
  for (const auto& function : std::exchange(posted_, {})) function();

  std::vector<std::shared_ptr<WakerState>> woken;
  for (const auto& waker : wakers_) {
    if (waker->alive && waker->wake.exchange(false)) woken.push_back(waker);
  }
  std::vector<std::shared_ptr<IdleState>> running;
  for (const auto& idle : idles_) {
    if (idle->running) running.push_back(idle);
  }
  for (const auto& waker : woken) {
    if (waker->alive) waker->woken();
  }
  for (const auto& idle : running) {
    if (idle->running) idle->turn();
  }
  while (!deferred_.empty()) std::exchange(deferred_, {}).clear();
  Prune();
}

void FakeLoop::Advance(uint64_t ms) {
  const uint64_t end = now_ms_ + ms;
  for (auto timer = NextTimer(); timer && timer->due_ms <= end; timer = NextTimer()) {
    now_ms_ = std::max(now_ms_, timer->due_ms);
    Turn();
  }
  now_ms_ = end;
  Turn();
}

void FakeLoop::Run() {
  stopped_ = false;
  while (!stopped_) {
    if (!HasWork()) {
      const auto timer = NextTimer();
      if (!timer) return;
      now_ms_ = std::max(now_ms_, timer->due_ms);
    }
    Turn();
  }
}

bool FakeLoop::HasWork() const {
  return !posted_.empty() || !deferred_.empty() || running_idles() > 0 ||
         std::any_of(wakers_.begin(), wakers_.end(),
                     [](const auto& waker) { return waker->alive && waker->wake.load(); });
}

void FakeLoop::Prune() {
  const auto dead = [](const auto& state) { return !state->alive; };
  std::erase_if(timers_, dead);
  std::erase_if(wakers_, dead);
  std::erase_if(idles_, dead);
  std::erase_if(fds_, dead);
  std::erase_if(signals_, dead);
}

void FakeLoop::Post(std::function<void()> function) {
  posted_.push_back(std::move(function));
}

void FakeLoop::FdReady(int fd, uint8_t events) {
  for (const auto& state : std::vector(fds_)) {
    const auto hit = static_cast<uint8_t>(state->watched & events);
    if (state->alive && state->fd == fd && hit != 0) state->ready(hit);
  }
}

void FakeLoop::RaiseSignal(int number) {
  for (const auto& state : std::vector(signals_)) {
    if (state->alive && state->number == number) state->arrived();
  }
}

size_t FakeLoop::running_timers() const {
  return static_cast<size_t>(
      std::count_if(timers_.begin(), timers_.end(), [](const auto& t) { return t->running; }));
}

size_t FakeLoop::running_idles() const {
  return static_cast<size_t>(
      std::count_if(idles_.begin(), idles_.end(), [](const auto& i) { return i->running; }));
}

size_t FakeLoop::live_handles() const {
  const auto live = [](const auto& states) {
    return static_cast<size_t>(
        std::count_if(states.begin(), states.end(), [](const auto& s) { return s->alive; }));
  };
  return live(timers_) + live(wakers_) + live(idles_) + live(fds_) + live(signals_);
}

std::unique_ptr<event::Timer> FakeLoop::MakeTimer(std::function<void()> fire) {
  timers_.push_back(std::make_shared<TimerState>());
  timers_.back()->fire = std::move(fire);
  return std::make_unique<FakeTimer>(*this, timers_.back());
}

std::unique_ptr<event::Waker> FakeLoop::MakeWaker(std::function<void()> woken) {
  wakers_.push_back(std::make_shared<WakerState>());
  wakers_.back()->woken = std::move(woken);
  return std::make_unique<FakeWaker>(wakers_.back());
}

std::unique_ptr<event::Idle> FakeLoop::MakeIdle(std::function<void()> turn) {
  idles_.push_back(std::make_shared<IdleState>());
  idles_.back()->turn = std::move(turn);
  return std::make_unique<FakeIdle>(idles_.back());
}

std::unique_ptr<event::FdWatcher> FakeLoop::MakeFdWatcher(
    int fd, std::function<void(uint8_t events)> ready) {
  if (fd < 0 || refuse_fd_watchers_) return nullptr;
  fds_.push_back(std::make_shared<FdState>());
  fds_.back()->fd = fd;
  fds_.back()->ready = std::move(ready);
  return std::make_unique<FakeFdWatcher>(fds_.back());
}

std::unique_ptr<event::Deferred> FakeLoop::OnSignal(int number, std::function<void()> arrived) {
  signals_.push_back(std::make_shared<SignalState>());
  signals_.back()->number = number;
  signals_.back()->arrived = std::move(arrived);
  return std::make_unique<FakeSignal>(signals_.back());
}

void FakeLoop::DeferDelete(std::unique_ptr<event::Deferred> object) {
  deferred_.push_back(std::move(object));
}

}  // namespace sluice::testing
