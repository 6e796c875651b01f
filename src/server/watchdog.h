// Keeps the service manager's watchdog quiet while every loop of the gateway turns: each round it
// asks all of them for a sign of life, and says WATCHDOG=1 when all have answered. A main loop that
// hangs asks no more; a worker that hangs does not answer; either way the manager ends the process.
// Main thread only.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/service_manager.h"
#include "sluice/event/loop.h"

namespace sluice::server {

class Watchdog {
 public:
  // Runs a task on a loop's own thread.
  using Post = std::function<void(std::function<void()> task)>;

  // Borrows both. Does nothing if the manager wants no watchdog.
  Watchdog(event::Loop& loop, ServiceManager& manager);

  // Before Start. `post` is called by this thread until the watchdog is destroyed.
  void Watch(std::string name, Post post);
  void Start();

 private:
  struct Watched {
    std::string name;
    Post post;
    // Shared with the task, which may run after the watchdog is gone.
    std::shared_ptr<std::atomic<bool>> answered;
    bool silent = false;  // it was warned of
  };

  void OnRound();
  [[nodiscard]] bool AllAnswered();

  ServiceManager& manager_;
  const uint64_t round_ms_;
  std::vector<Watched> watched_;
  std::unique_ptr<event::Timer> timer_;
};

}  // namespace sluice::server
