// What the kernel says of this process. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "sluice/base/result.h"

namespace sluice::server {

struct ProcessInfo {
  double cpu_seconds = 0;
  uint64_t resident_bytes = 0;
  uint64_t open_fds = 0;
  uint64_t max_fds = 0;
};
[[nodiscard]] ProcessInfo ReadProcessInfo();

// Raises the soft limit of file descriptors to the hard one, and returns it.
[[nodiscard]] uint64_t RaiseFdLimit();

// Writes this process's id. The file is replaced if it exists.
[[nodiscard]] Result<> WritePidFile(const std::string& path);

}  // namespace sluice::server
