#include "uv/loop_impl.h"

#include <cassert>
#include <utility>

#include "sluice/base/clock.h"
#include "sluice/uv/uv_loop.h"

namespace sluice::uv {
namespace {

class TimerImpl : public event::Timer {
 public:
  TimerImpl(uv_loop_t* loop, std::function<void()> fire)
      : fire_(std::move(fire)),
        timer_(this, [loop](uv_timer_t* timer) { return uv_timer_init(loop, timer); }) {}

  void Start(uint64_t delay_ms, uint64_t repeat_ms) override {
    uv_timer_start(timer_.get(), &TimerImpl::Fired, delay_ms, repeat_ms);
  }
  void Stop() override { uv_timer_stop(timer_.get()); }

 private:
  static void Fired(uv_timer_t* timer) {
    // A copy: the callback may destroy this object, and a function must not die while it runs.
    if (auto* self = static_cast<TimerImpl*>(timer->data)) std::function<void()>(self->fire_)();
  }
  std::function<void()> fire_;
  UvBox<uv_timer_t> timer_;
};

class WakerImpl : public event::Waker {
 public:
  WakerImpl(uv_loop_t* loop, std::function<void()> woken)
      : woken_(std::move(woken)), async_(this, [loop](uv_async_t* async) {
          return uv_async_init(loop, async, &WakerImpl::Woken);
        }) {}

  void Wake() override { uv_async_send(async_.get()); }

 private:
  static void Woken(uv_async_t* async) {
    if (auto* self = static_cast<WakerImpl*>(async->data)) std::function<void()>(self->woken_)();
  }
  std::function<void()> woken_;
  UvBox<uv_async_t> async_;
};

class IdleImpl : public event::Idle {
 public:
  IdleImpl(uv_loop_t* loop, std::function<void()> turn)
      : turn_(std::move(turn)),
        idle_(this, [loop](uv_idle_t* idle) { return uv_idle_init(loop, idle); }) {}

  void Start() override { uv_idle_start(idle_.get(), &IdleImpl::Turned); }
  void Stop() override { uv_idle_stop(idle_.get()); }

 private:
  static void Turned(uv_idle_t* idle) {
    if (auto* self = static_cast<IdleImpl*>(idle->data)) std::function<void()>(self->turn_)();
  }
  std::function<void()> turn_;
  UvBox<uv_idle_t> idle_;
};

class FdWatcherImpl : public event::FdWatcher {
 public:
  FdWatcherImpl(uv_loop_t* loop, int fd, std::function<void(uint8_t)> ready)
      : ready_(std::move(ready)),
        poll_(this, [loop, fd](uv_poll_t* poll) { return uv_poll_init(loop, poll, fd); }) {}

  [[nodiscard]] bool ok() const { return static_cast<bool>(poll_); }

  void Watch(uint8_t events) override {
    events_ = events;
    if (events == 0) {
      uv_poll_stop(poll_.get());
      return;
    }
    const int mask = ((events & kReadable) != 0 ? UV_READABLE : 0) |
                     ((events & kWritable) != 0 ? UV_WRITABLE : 0) |
                     ((events & kPeerClosed) != 0 ? UV_DISCONNECT : 0);
    uv_poll_start(poll_.get(), mask, &FdWatcherImpl::Ready);
  }

 private:
  static void Ready(uv_poll_t* poll, int status, int mask) {
    auto* self = static_cast<FdWatcherImpl*>(poll->data);
    if (self == nullptr) return;
    // An error on the descriptor shows in the next call on it, so it counts as ready for all.
    const int events = status != 0 ? self->events_
                                   : ((mask & UV_READABLE) != 0 ? kReadable : 0) |
                                         ((mask & UV_WRITABLE) != 0 ? kWritable : 0) |
                                         ((mask & UV_DISCONNECT) != 0 ? kPeerClosed : 0);
    std::function<void(uint8_t)>(self->ready_)(static_cast<uint8_t>(events));
  }
  std::function<void(uint8_t)> ready_;
  uint8_t events_ = 0;
  UvBox<uv_poll_t> poll_;
};

class SignalImpl : public event::Deferred {
 public:
  SignalImpl(uv_loop_t* loop, int number, std::function<void()> arrived)
      : arrived_(std::move(arrived)),
        signal_(this, [loop](uv_signal_t* signal) { return uv_signal_init(loop, signal); }) {
    uv_signal_start(
        signal_.get(),
        [](uv_signal_t* signal, int) {
          if (auto* self = static_cast<SignalImpl*>(signal->data)) {
            std::function<void()>(self->arrived_)();
          }
        },
        number);
  }

 private:
  std::function<void()> arrived_;
  UvBox<uv_signal_t> signal_;
};

}  // namespace

LoopImpl::LoopImpl() {
  [[maybe_unused]] const int status = uv_loop_init(&loop_);
  assert(status == 0);
  loop_.data = this;
  end_of_turn_.emplace(this,
                       [this](uv_prepare_t* prepare) { return uv_prepare_init(&loop_, prepare); });
  uv_prepare_start(end_of_turn_->get(), [](uv_prepare_t* prepare) {
    auto* self = static_cast<LoopImpl*>(prepare->data);
    if (self == nullptr) return;
    self->DeleteDeferred();
    self->turn_ns_ = 0;
  });
  uv_unref(end_of_turn_->base());
  keep_alive_.emplace(
      this, [this](uv_async_t* async) { return uv_async_init(&loop_, async, [](uv_async_t*) {}); });
}

LoopImpl::~LoopImpl() {
  DeleteDeferred();
  end_of_turn_.reset();
  keep_alive_.reset();
  uv_run(&loop_, UV_RUN_DEFAULT);  // the close callbacks
  [[maybe_unused]] const int status = uv_loop_close(&loop_);
  assert(status == 0 && "a handle was left open");
}

uint64_t LoopImpl::NowNs() const {
  return MonotonicNs();
}

std::unique_ptr<event::Timer> LoopImpl::MakeTimer(std::function<void()> fire) {
  return std::make_unique<TimerImpl>(&loop_, std::move(fire));
}

std::unique_ptr<event::Waker> LoopImpl::MakeWaker(std::function<void()> woken) {
  return std::make_unique<WakerImpl>(&loop_, std::move(woken));
}

std::unique_ptr<event::Idle> LoopImpl::MakeIdle(std::function<void()> turn) {
  return std::make_unique<IdleImpl>(&loop_, std::move(turn));
}

std::unique_ptr<event::FdWatcher> LoopImpl::MakeFdWatcher(int fd,
                                                          std::function<void(uint8_t)> ready) {
  auto watcher = std::make_unique<FdWatcherImpl>(&loop_, fd, std::move(ready));
  if (!watcher->ok()) return nullptr;
  return watcher;
}

std::unique_ptr<event::Deferred> LoopImpl::OnSignal(int number, std::function<void()> arrived) {
  return std::make_unique<SignalImpl>(&loop_, number, std::move(arrived));
}

void LoopImpl::DeferDelete(std::unique_ptr<event::Deferred> object) {
  deferred_.push_back(std::move(object));
}

void LoopImpl::DeleteDeferred() {
  // A destructor may defer more.
  while (!deferred_.empty()) {
    const std::vector<std::unique_ptr<event::Deferred>> batch = std::exchange(deferred_, {});
  }
}

void LoopImpl::Run() {
  uv_run(&loop_, UV_RUN_DEFAULT);
}

std::unique_ptr<event::Loop> MakeLoop() {
  return std::make_unique<LoopImpl>();
}

const char* Version() {
  return uv_version_string();
}

}  // namespace sluice::uv
