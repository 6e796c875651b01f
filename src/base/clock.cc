#include "sluice/base/clock.h"

#include <ctime>

namespace sluice {
namespace {

timespec Read(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now;
}

}  // namespace

uint64_t MonotonicNs() {
  const timespec now = Read(CLOCK_MONOTONIC);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t WallMs() {
  const timespec now = Read(CLOCK_REALTIME);
  return static_cast<uint64_t>(now.tv_sec) * 1000U +
         static_cast<uint64_t>(now.tv_nsec) / 1'000'000U;
}

}  // namespace sluice
