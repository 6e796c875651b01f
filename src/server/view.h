// What the admin endpoints may read of the running gateway: counters of all threads and the state
// of the process. Main thread; the workers and the ingest thread outlive it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/worker.h"
#include "sluice/config/config.h"
#include "sluice/pubsub/ingest.h"
#include "sluice/redis/pubsub_link.h"

namespace sluice::server {

struct GatewayView {
  config::ConfigPtr config;
  std::string version;
  std::vector<const Worker*> workers;
  const pubsub::Ingest* ingest = nullptr;
  const redis::LinkStats* redis = nullptr;  // null with the memory broker
  uint64_t started_ms = 0;                  // Unix time
  bool listening = false;
  bool draining = false;
  uint64_t reloads_done = 0;
  uint64_t reloads_failed = 0;

  [[nodiscard]] bool redis_up() const { return redis == nullptr || redis->up.load(); }
  [[nodiscard]] bool ready() const { return listening && !draining && redis_up(); }
};

}  // namespace sluice::server
