// The only door between threads: any thread pushes, one thread drains. What one producer pushes is
// drained in that order. This is the only lock on the data path; it is never held while a
// callback or a destructor of ours runs.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace sluice {

template <class T>
class Inbox {
 public:
  // `wake` is called from the pushing thread when the inbox turns non-empty; it must make the owner
  // call Drain soon (Waker::Wake does).
  explicit Inbox(std::function<void()> wake) : wake_(std::move(wake)) {}
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  // Any thread.
  void Push(T value) {
    bool was_empty;
    {
      const std::lock_guard lock(mutex_);
      was_empty = queue_.empty();
      queue_.push_back(std::move(value));
    }
    if (was_empty) wake_();
  }

  // Owner only. Takes everything that is queued, oldest first, and hands each to `handle(T&)`.
  // What is pushed meanwhile is left for the next call. The buffers are kept for reuse.
  template <class Handle>
  void Drain(Handle&& handle) {
    {
      const std::lock_guard lock(mutex_);
      queue_.swap(taken_);
    }
    for (T& value : taken_) handle(value);
    taken_.clear();
    // A burst must not pin its memory for ever.
    if (taken_.capacity() > kKeepCapacity) taken_.shrink_to_fit();
  }

 private:
  static constexpr size_t kKeepCapacity = 4096;

  std::function<void()> wake_;
  std::mutex mutex_;
  std::vector<T> queue_;  // guarded by mutex_
  std::vector<T> taken_;  // owner only
};

}  // namespace sluice
