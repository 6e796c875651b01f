// An event loop and what hangs on it. One loop belongs to one thread; unless a method says
// otherwise it is called on that thread only. src/uv implements this over libuv;
// tests/support/fake_loop.h implements it over a clock that the test moves.
//
// Callbacks: destroying an object from inside its own callback is allowed for everything made here.
// After the destructor returned, no callback of that object comes any more.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace sluice::event {

// Fires once or repeatedly. Destroying it stops it.
class Timer {
 public:
  virtual ~Timer() = default;
  // Restarts if it is running. repeat_ms 0: once.
  virtual void Start(uint64_t delay_ms, uint64_t repeat_ms = 0) = 0;
  virtual void Stop() = 0;
};

// Wakes the loop from another thread. Several Wakes may become one callback.
class Waker {
 public:
  virtual ~Waker() = default;
  virtual void Wake() = 0;  // any thread, until the Waker is destroyed
};

// Runs once a turn while started, and keeps the loop from sleeping: for work done in slices.
class Idle {
 public:
  virtual ~Idle() = default;
  virtual void Start() = 0;
  virtual void Stop() = 0;
};

// Tells when a descriptor can be read or written, or its peer has gone. Level-triggered.
class FdWatcher {
 public:
  enum : uint8_t { kReadable = 1, kWritable = 2, kPeerClosed = 4 };
  // Destroying it stops the watching; it never closes the descriptor, which must stay open until
  // then.
  virtual ~FdWatcher() = default;
  virtual void Watch(uint8_t events) = 0;  // replaces the set; 0 stops
};

// Base of objects whose deletion is put off to the end of the turn (Loop::DeferDelete).
class Deferred {
 public:
  virtual ~Deferred() = default;
};

class Loop {
 public:
  virtual ~Loop() = default;

  // Monotonic time, as of this turn's start (cheap) and exact.
  [[nodiscard]] virtual uint64_t NowMs() const = 0;
  [[nodiscard]] virtual uint64_t NowNs() const = 0;
  // As exact as NowNs, but of this turn's first call: for what a request needs many times over.
  [[nodiscard]] virtual uint64_t TurnNs() const = 0;
  // Makes NowMs the present. Before Run, and in a turn that was held up, timers would otherwise be
  // counted from a time long past, and fire too early.
  virtual void UpdateNow() = 0;

  [[nodiscard]] virtual std::unique_ptr<Timer> MakeTimer(std::function<void()> fire) = 0;
  [[nodiscard]] virtual std::unique_ptr<Waker> MakeWaker(std::function<void()> woken) = 0;
  [[nodiscard]] virtual std::unique_ptr<Idle> MakeIdle(std::function<void()> turn) = 0;
  // `ready` gets the events that hold. Null if the descriptor cannot be watched.
  [[nodiscard]] virtual std::unique_ptr<FdWatcher> MakeFdWatcher(
      int fd, std::function<void(uint8_t events)> ready) = 0;
  // Calls back for each arrival of a signal. Main thread's loop only.
  [[nodiscard]] virtual std::unique_ptr<Deferred> OnSignal(int number,
                                                           std::function<void()> arrived) = 0;

  // Deletes at the end of this turn, when no callback is on the stack.
  virtual void DeferDelete(std::unique_ptr<Deferred> object) = 0;

  // Runs until Stop. Stop may be called from callbacks.
  virtual void Run() = 0;
  virtual void Stop() = 0;
};

}  // namespace sluice::event
