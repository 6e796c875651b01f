// What `sluice bench` is asked to do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "cli/bench_protocol.h"
#include "cli/bench_publisher.h"
#include "cli/bench_socket.h"
#include "cli/http_url.h"
#include "sluice/base/result.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name
class App;
}

namespace sluice::cli::bench {

struct BenchOptions {
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  size_t subscribers = 1000;
  size_t processes = 0;             // 0: as many as the descriptor limit asks for, at least 2
  uint32_t ramp_per_second = 5000;  // 0: as fast as it goes
  uint32_t source_addresses = 0;    // 0: one to 20,000 subscribers, if the server is on loopback
  uint64_t connect_timeout_ms = 60'000;
  uint64_t poll_ms = 0;  // 0: each event wakes its client

  std::string publish = "none";
  std::string channel;
  double rate = 5;
  size_t payload_bytes = 100;
  uint64_t warmup_ms = 2'000;
  uint64_t duration_ms = 10'000;
  uint64_t drain_ms = 10'000;  // longest wait for the last events

  std::vector<pid_t> pids;
  bool memory = false;
  uint64_t settle_ms = 2'000;
  double stopped_share = 0;
  uint64_t reconnect_at_ms = 0;  // into the window; 0: no reconnect

  bool json = false;
  bool quiet = false;
};

// Adds the options to `command`, which then fills in `options`.
void DefineOptions(CLI::App& command, BenchOptions& options);

// The options, checked and looked up.
struct BenchPlan {
  BenchOptions options;
  HttpUrl url;
  SocketAddress address;
  PublishTarget target;
  Schedule schedule;
  uint64_t first_measured = 0;  // numbers of the window's events
  uint64_t last_measured = 0;   // first - 1 if there is none

  [[nodiscard]] bool publishes() const { return target.kind != PublishTarget::Kind::kNone; }
  [[nodiscard]] uint64_t measured_events() const { return last_measured + 1 - first_measured; }
};

[[nodiscard]] Result<BenchPlan> MakePlan(BenchOptions options);

}  // namespace sluice::cli::bench
