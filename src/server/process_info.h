// What the kernel says of this process. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "sluice/base/result.h"

namespace sluice::server {

struct ProcessUsage {
  double cpu_seconds = 0;
  uint64_t resident_bytes = 0;
};
[[nodiscard]] ProcessUsage ReadProcessUsage();

// Counting the open ones takes a moment where there are many: some milliseconds for ten thousand.
struct FdUsage {
  uint64_t open = 0;
  uint64_t max = 0;
};
[[nodiscard]] FdUsage ReadFdUsage();

// Raises the soft limit of file descriptors to the hard one, and returns it.
[[nodiscard]] uint64_t RaiseFdLimit();

// Writes this process's id. The file is replaced if it exists.
[[nodiscard]] Result<> WritePidFile(const std::string& path);

}  // namespace sluice::server
