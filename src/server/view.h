// What the admin endpoints may read of the running gateway: counters of all threads and the state
// of the process. Main thread; the workers and the ingest thread outlive it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/generation.h"
#include "server/reload_plan.h"
#include "server/topic_ledger.h"
#include "server/worker.h"
#include "sluice/pubsub/ingest.h"
#include "sluice/redis/pubsub_link.h"

namespace sluice::server {

struct GatewayView {
  GenerationPtr generation;
  const TopicLedger* ledger = nullptr;
  std::string version;
  std::vector<const Worker*> workers;
  const pubsub::Ingest* ingest = nullptr;
  const redis::LinkStats* redis = nullptr;  // null with the memory broker
  uint64_t started_ms = 0;                  // Unix time
  bool listening = false;
  bool draining = false;
  uint64_t reloads_done = 0;
  uint64_t reloads_failed = 0;
  ReloadCounts changes;        // of all reloads
  bool last_reload_ok = true;  // true as long as there was none
  uint64_t loaded_ms = 0;      // when the present configuration was read, Unix time
  std::vector<std::weak_ptr<const Generation>> older;  // of before it, as of the last reload

  // Configurations that something still goes by.
  [[nodiscard]] size_t generations() const {
    return 1 + static_cast<size_t>(std::count_if(older.begin(), older.end(),
                                                 [](const auto& g) { return !g.expired(); }));
  }

  [[nodiscard]] bool redis_up() const { return redis == nullptr || redis->up.load(); }
  [[nodiscard]] bool ready() const { return listening && !draining && redis_up(); }
};

}  // namespace sluice::server
