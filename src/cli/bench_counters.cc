#include "cli/bench_counters.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "cli/bench_meter.h"

namespace sluice::cli::bench {
namespace {

enum class Space { kUser, kKernel };

Result<Fd> OpenCounter(pid_t thread, Space space) {
  perf_event_attr attributes{};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_HARDWARE;
  attributes.config = PERF_COUNT_HW_INSTRUCTIONS;
  attributes.disabled = 1;
  attributes.inherit = 1;
  attributes.exclude_hv = 1;
  attributes.exclude_user = space == Space::kKernel ? 1 : 0;
  attributes.exclude_kernel = space == Space::kUser ? 1 : 0;
  attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  constexpr int kAnyCpu = -1;
  constexpr int kNoGroup = -1;
  Fd fd(static_cast<int>(
      syscall(SYS_perf_event_open, &attributes, thread, kAnyCpu, kNoGroup, PERF_FLAG_FD_CLOEXEC)));
  if (!fd.open()) return FailSystem("perf_event_open", errno);
  return fd;
}

Result<uint64_t> Sum(const std::vector<Fd>& counters) {
  struct Reading {
    uint64_t value;
    uint64_t enabled;
    uint64_t running;
  };
  double sum = 0;
  for (const Fd& counter : counters) {
    Reading reading{};
    if (read(counter.get(), &reading, sizeof(reading)) != sizeof(reading)) {
      return FailSystem("read of a counter", errno);
    }
    if (reading.running == 0) continue;
    sum += static_cast<double>(reading.value) * static_cast<double>(reading.enabled) /
           static_cast<double>(reading.running);
  }
  return static_cast<uint64_t>(sum);
}

}  // namespace

Result<InstructionCounters> InstructionCounters::Open(const std::vector<pid_t>& pids) {
  InstructionCounters counters;
  for (const pid_t pid : pids) {
    for (const pid_t thread : ThreadsOf(pid)) {
      auto user = OpenCounter(thread, Space::kUser);
      auto kernel = OpenCounter(thread, Space::kKernel);
      if (!user) return tl::unexpected(user.error());
      if (!kernel) return tl::unexpected(kernel.error());
      counters.user_.push_back(std::move(*user));
      counters.kernel_.push_back(std::move(*kernel));
    }
  }
  return counters;
}

void InstructionCounters::Start() {
  for (const Fd& fd : user_) (void)ioctl(fd.get(), PERF_EVENT_IOC_ENABLE, 0);
  for (const Fd& fd : kernel_) (void)ioctl(fd.get(), PERF_EVENT_IOC_ENABLE, 0);
}

void InstructionCounters::Stop() {
  for (const Fd& fd : user_) (void)ioctl(fd.get(), PERF_EVENT_IOC_DISABLE, 0);
  for (const Fd& fd : kernel_) (void)ioctl(fd.get(), PERF_EVENT_IOC_DISABLE, 0);
}

Result<Instructions> InstructionCounters::Read() const {
  const auto user = Sum(user_);
  if (!user) return tl::unexpected(user.error());
  const auto kernel = Sum(kernel_);
  if (!kernel) return tl::unexpected(kernel.error());
  return Instructions{*user, *kernel};
}

}  // namespace sluice::cli::bench
