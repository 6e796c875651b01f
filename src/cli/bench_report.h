// The result of a run, for people and for programs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/bench_counters.h"
#include "cli/bench_histogram.h"
#include "cli/bench_meter.h"
#include "cli/bench_options.h"

namespace sluice::cli::bench {

struct ConnectResult {
  uint64_t connected = 0;
  uint64_t attempts_failed = 0;
  uint64_t wall_ns = 0;
  uint64_t server_cpu_ns = 0;  // of the measured processes
};

struct ClientUse {
  double cpu_share = 0;       // of a core, over the window
  double runnable_share = 0;  // running or waiting for a core
};

struct ServerUse {
  uint64_t cpu_ns = 0;
  std::optional<Instructions> instructions;
  std::string why_not_counted;
  MemoryUse memory;
  uint64_t pss_max = 0;
};

struct MemoryPoint {
  uint64_t subscribers = 0;
  MemoryUse use;
};

struct MemoryResult {
  std::vector<MemoryPoint> points;   // while subscribers were added
  std::vector<MemoryPoint> waiting;  // the same number of them, some seconds apart
  // By least squares over `points`, bytes for each subscriber more.
  [[nodiscard]] double PssSlope() const;
  [[nodiscard]] double AnonymousSlope() const;
  // Anonymous bytes more, while nothing happened.
  [[nodiscard]] int64_t Growth() const;
};

struct BenchReport {
  BenchOptions options;
  ConnectResult connect;

  uint64_t wall_ns = 0;    // from the window's begin until the last event was there
  uint64_t events = 0;     // published in the window; 0 if the server made them
  uint64_t expected = 0;   // deliveries
  uint64_t delivered = 0;  // of the window's events
  uint64_t delivered_all = 0;
  uint64_t bytes = 0;
  uint64_t lost = 0;  // this and the following over the whole run
  uint64_t duplicates = 0;
  uint64_t reordered = 0;
  uint64_t malformed = 0;
  uint64_t gaps = 0;
  uint64_t closed = 0;
  Histogram latency;
  Histogram last_subscriber;  // per event
  Histogram lateness;         // of the publisher
  uint64_t publish_unacknowledged = 0;

  uint64_t stopped = 0;
  uint64_t stopped_closed = 0;
  std::optional<uint64_t> reconnect_ns;  // until all were back; 0: they were not

  std::optional<ServerUse> server;
  uint64_t tcp_pages_max = 0;
  std::vector<ClientUse> clients;  // the publisher last, if there is one
  std::optional<MemoryResult> memory;
  std::vector<std::string> errors;  // the first of each process

  // A client that had no time left adds latency of its own: the run says nothing against the
  // server.
  [[nodiscard]] bool client_limited() const;
  [[nodiscard]] bool complete() const { return lost == 0 && duplicates == 0 && malformed == 0; }
};

[[nodiscard]] std::string ToJson(const BenchReport& report);
[[nodiscard]] std::string ToText(const BenchReport& report);

}  // namespace sluice::cli::bench
