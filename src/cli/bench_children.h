// Child processes that live no longer than this object and no longer than their parent. Main
// thread, before any other thread exists.
#pragma once

#include <functional>
#include <vector>

#include <sys/types.h>

#include "sluice/base/result.h"

namespace sluice::cli::bench {

class Children {
 public:
  Children() = default;
  ~Children();  // kills and reaps
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  // Runs `body` in a new process, which ends when `body` returns.
  [[nodiscard]] Result<> Start(const std::function<void()>& body);

  // False once one of them ended before its time.
  [[nodiscard]] bool AllAlive() const;

  [[nodiscard]] const std::vector<pid_t>& pids() const { return pids_; }

 private:
  std::vector<pid_t> pids_;
};

}  // namespace sluice::cli::bench
