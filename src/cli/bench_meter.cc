#include "cli/bench_meter.h"

#include <charconv>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include <dirent.h>
#include <fmt/format.h>

namespace sluice::cli::bench {
namespace {

bool ReadSchedstat(pid_t pid, pid_t thread, CpuUse& use) {
  std::ifstream file(fmt::format("/proc/{}/task/{}/schedstat", pid, thread));
  return static_cast<bool>(file >> use.running >> use.waiting);
}

}  // namespace

std::vector<pid_t> ThreadsOf(pid_t pid) {
  std::vector<pid_t> threads;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(
      opendir(fmt::format("/proc/{}/task", pid).c_str()), closedir);
  if (folder == nullptr) return threads;
  while (const dirent* entry = readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    pid_t thread = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), thread).ec == std::errc()) {
      threads.push_back(thread);
    }
  }
  return threads;
}

Result<ProcessMeter> ProcessMeter::Open(std::vector<pid_t> pids) {
  for (const pid_t pid : pids) {
    CpuUse use;
    if (!ReadSchedstat(pid, pid, use)) {
      return Fail(Errc::kNotFound, fmt::format("--pid {}: no such process", pid));
    }
  }
  return ProcessMeter(std::move(pids));
}

CpuUse ProcessMeter::Cpu() {
  for (const pid_t pid : pids_) {
    for (const pid_t thread : ThreadsOf(pid)) {
      CpuUse use;
      if (ReadSchedstat(pid, thread, use)) threads_[thread] = use;
    }
  }
  CpuUse sum;
  for (const auto& [thread, use] : threads_) {
    sum.running += use.running;
    sum.waiting += use.waiting;
  }
  return sum;
}

MemoryUse ProcessMeter::Memory() const {
  constexpr uint64_t kKibibyte = 1024;
  MemoryUse sum;
  for (const pid_t pid : pids_) {
    std::ifstream file(fmt::format("/proc/{}/smaps_rollup", pid));
    for (std::string line; std::getline(file, line);) {
      std::istringstream fields(line);
      std::string name;
      uint64_t amount = 0;
      if (!(fields >> name >> amount)) continue;
      if (name == "Pss:") sum.pss += amount * kKibibyte;
      if (name == "Pss_Anon:") sum.anonymous += amount * kKibibyte;
    }
  }
  return sum;
}

uint64_t TcpMemoryPages() {
  std::ifstream file("/proc/net/sockstat");
  for (std::string line; std::getline(file, line);) {
    const size_t at = line.find(" mem ");
    if (line.starts_with("TCP:") && at != std::string::npos) {
      uint64_t pages = 0;
      std::from_chars(line.data() + at + 5, line.data() + line.size(), pages);
      return pages;
    }
  }
  return 0;
}

}  // namespace sluice::cli::bench
