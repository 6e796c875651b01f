// A thread that runs an event loop. Made, used and destroyed by the main thread; what lives on its
// loop is made and destroyed by tasks that run there.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "sluice/base/inbox.h"
#include "sluice/event/loop.h"
#include "sluice/net/network.h"

namespace sluice::server {

class LoopThread {
 public:
  // Returns when the loop runs. `name` is shown by top and gdb (15 characters at most).
  explicit LoopThread(std::string name);
  // Stops the loop and joins. Whatever lives on the loop must be gone.
  ~LoopThread();
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }

  // Runs the task on the loop, in the order of the calls.
  void Post(std::function<void()> task);
  // The same, and returns when it has run. Not from a task.
  void Call(const std::function<void()>& task);

  // For tasks only.
  [[nodiscard]] event::Loop& loop() { return *loop_; }
  [[nodiscard]] net::Network& network() { return *network_; }

 private:
  void Run(const std::function<void()>& started);

  std::string name_;
  std::unique_ptr<event::Loop> loop_;  // these are made and destroyed by the thread
  std::unique_ptr<net::Network> network_;
  std::unique_ptr<event::Waker> waker_;
  std::unique_ptr<Inbox<std::function<void()>>> tasks_;
  std::thread thread_;
};

}  // namespace sluice::server
