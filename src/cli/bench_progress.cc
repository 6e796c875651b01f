#include "cli/bench_progress.h"

#include <algorithm>
#include <cstdio>

#include <unistd.h>

#include <fmt/format.h>

#include "sluice/base/clock.h"

namespace sluice::cli::bench {

Progress::Progress(bool quiet) : enabled_(!quiet && isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (shown_) fmt::print(stderr, "\r\x1b[K");
}

void Progress::Show(std::string_view phase, double done, double all, std::string_view detail) {
  constexpr uint64_t kIntervalNs = 100'000'000;
  constexpr double kWidth = 30;
  const uint64_t now = MonotonicNs();
  if (!enabled_ || now < next_ns_) return;
  next_ns_ = now + kIntervalNs;
  shown_ = true;
  const double share = all > 0 ? std::clamp(done / all, 0.0, 1.0) : 0;
  const auto filled = static_cast<size_t>(share * kWidth);
  fmt::print(stderr, "\r{:<11} [{:<30}] {:3.0f} %  {}\x1b[K", phase, std::string(filled, '#'),
             share * 100, detail);
}

}  // namespace sluice::cli::bench
