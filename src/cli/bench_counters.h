// Instructions that other processes retire, from the hardware's counters: on all their threads,
// those too that are made later, in user space and in the kernel apart. One thread.
#pragma once

#include <cstdint>
#include <vector>

#include <sys/types.h>

#include "cli/bench_socket.h"
#include "sluice/base/result.h"

namespace sluice::cli::bench {

struct Instructions {
  uint64_t user = 0;
  uint64_t kernel = 0;
};

class InstructionCounters {
 public:
  // Fails where there are no counters or perf_event_paranoid forbids them. They stand still at
  // first.
  [[nodiscard]] static Result<InstructionCounters> Open(const std::vector<pid_t>& pids);

  void Start();
  void Stop();
  // Scaled up if the kernel had to share the hardware with others.
  [[nodiscard]] Result<Instructions> Read() const;

 private:
  std::vector<Fd> user_;
  std::vector<Fd> kernel_;
};

}  // namespace sluice::cli::bench
