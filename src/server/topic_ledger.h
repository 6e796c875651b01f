// The counters of all topics that there have been, by name: what a reload removes and a later one
// brings back goes on counting. Main thread only; the counters themselves as pubsub/stats.h says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "sluice/pubsub/stats.h"

namespace sluice::server {

class TopicLedger {
 public:
  explicit TopicLedger(size_t workers) : workers_(workers) {}

  // Made if need be. Valid as long as the ledger.
  [[nodiscard]] pubsub::TopicCounters& Of(const std::string& name) {
    auto& counters = topics_[name];
    if (counters == nullptr) counters = std::make_unique<pubsub::TopicCounters>(name, workers_);
    return *counters;
  }

  // Of all workers and topics, those that are gone too.
  [[nodiscard]] uint64_t subscribers() const {
    uint64_t sum = 0;
    for (const auto& [name, counters] : topics_) {
      sum += counters->Sum([](const pubsub::TopicStats& s) { return s.subscribers.Get(); });
    }
    return sum;
  }
  [[nodiscard]] uint64_t events() const {
    uint64_t sum = 0;
    for (const auto& [name, counters] : topics_) sum += counters->events.Get();
    return sum;
  }

 private:
  size_t workers_;
  std::map<std::string, std::unique_ptr<pubsub::TopicCounters>> topics_;
};

}  // namespace sluice::server
