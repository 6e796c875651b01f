// What other processes use, read from /proc: CPU time by the scheduler's own accounting (tick
// accounting is too coarse here) and memory. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <sys/types.h>

#include "sluice/base/result.h"

namespace sluice::cli::bench {

// Nanoseconds since the meter was made, summed over the processes' threads.
struct CpuUse {
  uint64_t running = 0;
  uint64_t waiting = 0;  // runnable, but another had the core
};

struct MemoryUse {
  uint64_t pss = 0;        // bytes; shared pages are divided among those who map them
  uint64_t anonymous = 0;  // of these, heap and stacks: not moved by what others map
};

class ProcessMeter {
 public:
  // Fails if one of the processes cannot be read.
  [[nodiscard]] static Result<ProcessMeter> Open(std::vector<pid_t> pids);

  // A thread that ended in between counts with what it had at the last reading.
  [[nodiscard]] CpuUse Cpu();
  // Takes the kernel about a microsecond a page of the process.
  [[nodiscard]] MemoryUse Memory() const;

 private:
  explicit ProcessMeter(std::vector<pid_t> pids) : pids_(std::move(pids)) {}

  std::vector<pid_t> pids_;
  std::map<pid_t, CpuUse> threads_;  // latest reading of each
};

// Threads of a process, or nothing when it is gone.
[[nodiscard]] std::vector<pid_t> ThreadsOf(pid_t pid);

// Pages of all TCP sockets' buffers in this network namespace (/proc/net/sockstat).
[[nodiscard]] uint64_t TcpMemoryPages();

}  // namespace sluice::cli::bench
