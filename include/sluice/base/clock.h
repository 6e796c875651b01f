// Time. Everything that decides by time takes it from its Loop (event/loop.h), which tests can
// move; these are the sources below it. Any thread.
#pragma once

#include <cstdint>

namespace sluice {

// CLOCK_MONOTONIC, nanoseconds.
[[nodiscard]] uint64_t MonotonicNs();

// Unix time, milliseconds.
[[nodiscard]] uint64_t WallMs();

}  // namespace sluice
