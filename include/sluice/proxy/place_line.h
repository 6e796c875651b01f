// The workers that have requests waiting for a place at a server of one upstream
// (max_connections). A place that is free is offered to one after the other: each worker serves its
// own queue in order, and the workers take turns. Any thread.
//
// Who finds all servers full joins, and must look once more then if nobody else is in the line: a
// place may have become free just before. Else the offer of that place is under way to another
// one, who passes it on.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <vector>

#include "sluice/event/loop.h"

namespace sluice::proxy {

class PlaceLine {
 public:
  [[nodiscard]] size_t size() const { return size_.load(); }
  [[nodiscard]] bool empty() const { return size() == 0; }

  // `worker` is woken for each offer until it leaves. It is in the line once at most.
  void Join(event::Waker& worker) {
    const std::lock_guard lock(mutex_);
    if (std::find(line_.begin(), line_.end(), &worker) == line_.end()) line_.push_back(&worker);
    size_.store(line_.size());
  }
  void Leave(event::Waker& worker) {
    const std::lock_guard lock(mutex_);
    std::erase(line_, &worker);
    size_.store(line_.size());
  }
  // A place is free, or was not wanted by who it was offered to.
  void Offer() {
    const std::lock_guard lock(mutex_);
    if (line_.empty()) return;
    line_.front()->Wake();
    std::rotate(line_.begin(), line_.begin() + 1, line_.end());
  }

 private:
  std::mutex mutex_;
  std::vector<event::Waker*> line_;
  std::atomic<size_t> size_{0};
};

}  // namespace sluice::proxy
