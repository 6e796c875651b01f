#include "bench/load.h"

#include <ctime>
#include <iostream>

#include <sys/resource.h>

#include <CLI/CLI.hpp>

#include "bench/poller.h"

namespace sluice::bench {
namespace {

uint64_t OwnCpuNs() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<uint64_t>(used.tv_sec) * kSecond + static_cast<uint64_t>(used.tv_nsec);
}

template <typename T>
T OrDie(Result<T> result) {
  if (result) return std::move(*result);
  std::cerr << "bench_load: " << result.error().message << "\n";
  std::exit(1);
}

}  // namespace

Window::Window(const LoadOptions& options) {
  if (!options.servers.empty()) server_ = OrDie(cli::bench::ProcessMeter::Open(options.servers));
  if (!options.beside.empty()) beside_ = OrDie(cli::bench::ProcessMeter::Open(options.beside));
  if (options.servers.empty()) return;
  auto counters = cli::bench::InstructionCounters::Open(options.servers);
  if (counters) {
    counters_ = std::move(*counters);
  } else {
    not_counted_ = counters.error().message;
  }
}

void Window::Start() {
  begun_ns_ = NowNs();
  own_ns_ = OwnCpuNs();
  if (beside_) beside_ns_ = beside_->Cpu().running;
  if (server_) server_ns_ = server_->Cpu().running;
  if (counters_) counters_->Start();
}

void Window::Stop() {
  if (counters_) counters_->Stop();
  if (server_) server_ns_ = server_->Cpu().running - server_ns_;
  if (beside_) beside_ns_ = beside_->Cpu().running - beside_ns_;
  own_ns_ = OwnCpuNs() - own_ns_;
  wall_ns_ = NowNs() - begun_ns_;
}

void Window::Report(uint64_t count, nlohmann::json& into) const {
  const auto each = [count](uint64_t sum) {
    return count == 0 ? 0.0 : static_cast<double>(sum) / static_cast<double>(count);
  };
  const auto wall = static_cast<double>(wall_ns_);
  into["seconds"] = wall / kSecond;
  into["per_second"] = static_cast<double>(count) * kSecond / wall;
  into["load_core_busy"] = static_cast<double>(own_ns_ + beside_ns_) / wall;
  into["server_busy"] = static_cast<double>(server_ns_) / wall;
  into["cpu_us"] = each(server_ns_) / 1000;
  if (!counters_) {
    into["instructions_not_counted"] = not_counted_;
    return;
  }
  const cli::bench::Instructions counted = OrDie(counters_->Read());
  into["instructions_user"] = each(counted.user);
  into["instructions_kernel"] = each(counted.kernel);
}

Fd ConnectTo(const LoadOptions& options, int receive_buffer) {
  const auto address = OrDie(cli::bench::Resolve(OrDie(net::ParseEndpoint(options.address))));
  return OrDie(
      cli::bench::StartConnect(address, {.loopback_source = 0, .receive_buffer = receive_buffer}));
}

nlohmann::json ToJson(const Histogram& latency) {
  const auto us = [](uint64_t ns) { return static_cast<double>(ns) / 1000; };
  return {{"count", latency.count()},          {"mean", latency.Mean() / 1000},
          {"p50", us(latency.Percentile(50))}, {"p90", us(latency.Percentile(90))},
          {"p99", us(latency.Percentile(99))}, {"p99.9", us(latency.Percentile(99.9))},
          {"max", us(latency.max())}};
}

}  // namespace sluice::bench

int main(int argc, char** argv) {
  using namespace sluice::bench;
  LoadOptions options;
  CLI::App app("Load for a proxy in front of bench_origin; prints JSON.");
  app.require_subcommand(1);
  const auto mode = [&](const char* name, const char* what) {
    CLI::App* added = app.add_subcommand(name, what);
    added->add_option("--address", options.address, "HOST:PORT of the proxy")->required();
    added->add_option("--pid", options.servers, "a process to measure (repeatable)");
    added->add_option("--beside", options.beside, "a process that shares the load's core");
    added->add_option("--connections", options.connections, "how many");
    return added;
  };
  CLI::App* requests = mode("requests", "GET /bytes/N over kept connections");
  requests->add_option("--rate", options.rate, "requests a second; 0: as fast as it answers");
  requests->add_option("--requests", options.requests, "so many, without warm-up");
  CLI::App* streams = mode("streams", "event streams of GET /events");
  CLI::App* idle = mode("idle", "kept connections that asked once: memory");
  idle->add_option("--base", options.base, "connections at the first reading");
  CLI::App* slow = mode("slow", "clients that read slowly: memory");
  slow->add_option("--bytes-per-second", options.bytes_per_second, "what each reads")->required();
  for (CLI::App* each : {requests, idle, slow}) {
    each->add_option("--body", options.body_bytes, "bytes of a body");
  }
  for (CLI::App* each : {requests, streams, slow}) {
    each->add_option("--warmup", options.warmup_s, "seconds before the measurement");
    each->add_option("--duration", options.duration_s, "seconds of the measurement");
  }
  CLI11_PARSE(app, argc, argv);

  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  const nlohmann::json report = requests->parsed()  ? RunRequests(options)
                                : streams->parsed() ? RunStreams(options)
                                : idle->parsed()    ? RunIdle(options)
                                                    : RunSlow(options);
  std::cout << report.dump() << "\n";
  return 0;
}
