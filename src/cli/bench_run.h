// Runs a load test: starts the subscriber processes and the publisher, takes them through
// connecting, warm-up, the measured window and the drain, and reads the meters at the window's
// ends. Main thread.
#pragma once

#include "cli/bench_options.h"
#include "cli/bench_report.h"
#include "sluice/base/result.h"

namespace sluice::cli::bench {

[[nodiscard]] Result<BenchReport> RunBench(const BenchPlan& plan);

}  // namespace sluice::cli::bench
