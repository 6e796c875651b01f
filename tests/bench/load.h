// The load generator of `scripts/bench proxy`: one thread, plain sockets, every answer checked byte
// by byte against what bench_origin sends. Each mode gives its figures as JSON. A wrong answer does
// not end a run: it is told in "faults", and makes the run worthless.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <nlohmann/json.hpp>

#include "cli/bench_counters.h"
#include "cli/bench_histogram.h"
#include "cli/bench_meter.h"
#include "cli/bench_socket.h"

namespace sluice::bench {

using cli::bench::Fd;
using cli::bench::Histogram;

struct LoadOptions {
  std::string address;         // host:port
  uint64_t body_bytes = 1024;  // of GET /bytes/N
  uint32_t connections = 64;   // or streams, or clients
  double rate = 0;             // requests a second whatever comes back; 0: as fast as it answers
  uint64_t requests = 0;       // ends after so many, without warm-up; 0: after `duration`
  double warmup_s = 1;
  double duration_s = 5;
  uint32_t base = 0;              // memory: connections before the first reading
  uint32_t bytes_per_second = 0;  // slow: what each client reads
  std::vector<pid_t> servers;     // whose CPU, instructions and memory are measured
  std::vector<pid_t> beside;      // whose CPU says whether the load was limited by its own core
};

class Faults {
 public:
  void Add(const std::string& what) {
    if (++count_ == 1) first_ = what;
  }
  [[nodiscard]] nlohmann::json ToJson() const { return {{"count", count_}, {"first", first_}}; }

 private:
  uint64_t count_ = 0;
  std::string first_;
};

// CPU and instructions of the servers between Start and Stop.
class Window {
 public:
  explicit Window(const LoadOptions& options);
  void Start();
  void Stop();
  [[nodiscard]] bool started() const { return begun_ns_ != 0; }
  // Figures for each of `count` requests.
  void Report(uint64_t count, nlohmann::json& into) const;

 private:
  std::optional<cli::bench::ProcessMeter> server_;
  std::optional<cli::bench::ProcessMeter> beside_;
  std::optional<cli::bench::InstructionCounters> counters_;
  std::string not_counted_;
  uint64_t begun_ns_ = 0;
  uint64_t wall_ns_ = 0;
  uint64_t server_ns_ = 0;
  uint64_t beside_ns_ = 0;
  uint64_t own_ns_ = 0;
};

// A connected, non-blocking socket; ends the program if it cannot be had.
Fd ConnectTo(const LoadOptions& options, int receive_buffer = 0);
// Percentiles in microseconds.
nlohmann::json ToJson(const Histogram& latency);

nlohmann::json RunRequests(const LoadOptions& options);
nlohmann::json RunStreams(const LoadOptions& options);
nlohmann::json RunIdle(const LoadOptions& options);
nlohmann::json RunSlow(const LoadOptions& options);

}  // namespace sluice::bench
