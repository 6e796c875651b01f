// Reads whole files. Main thread.
#pragma once

#include <cstddef>
#include <string>

#include "sluice/base/result.h"

namespace sluice::config {

// The file's bytes, and one more than `max_bytes` if it is larger.
[[nodiscard]] Result<std::string> ReadFile(const std::string& path, size_t max_bytes);

}  // namespace sluice::config
