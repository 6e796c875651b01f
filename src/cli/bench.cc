#include "cli/bench.h"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/bench_options.h"
#include "cli/bench_report.h"
#include "cli/bench_run.h"

namespace sluice::cli {
namespace {

int Run(const bench::BenchOptions& options) {
  const auto plan = bench::MakePlan(options);
  if (!plan) {
    fmt::print(stderr, "sluice bench: {}\n", plan.error().message);
    const bool misused = plan.error().code == Errc::kInvalid || plan.error().code == Errc::kLimit;
    return misused ? 2 : 1;
  }
  const auto report = bench::RunBench(*plan);
  if (!report) {
    fmt::print(stderr, "sluice bench: {}\n", report.error().message);
    return 1;
  }
  fmt::print("{}", options.json ? bench::ToJson(*report) : bench::ToText(*report));
  return report->complete() ? 0 : 1;
}

}  // namespace

void AddBenchCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "bench", "Load generator: many subscribers, events on a fixed schedule, latency and cost");
  const auto options = std::make_shared<bench::BenchOptions>();
  bench::DefineOptions(*command, *options);
  command->callback([options, &exit_code] { exit_code = Run(*options); });
}

}  // namespace sluice::cli
