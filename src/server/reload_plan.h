// What a reload changes. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sluice/config/config.h"

namespace sluice::server {

struct ReloadPlan {
  // What will run: the file's, but for what waits for a restart.
  config::ConfigPtr config;

  // By name.
  struct Names {
    std::vector<std::string> added;
    std::vector<std::string> removed;
    std::vector<std::string> changed;
  };
  Names listeners;
  Names topics;
  std::vector<std::string> ended;  // of the topics changed or removed: those whose streams end
  Names schemes;
  Names upstreams;
  Names routes;
  std::vector<std::string> keys;     // other keys that have changed
  std::vector<std::string> waiting;  // keys that have changed and need a restart

  // "topics added: a, b; topics changed: c; changed: limits", or "nothing has changed".
  [[nodiscard]] std::string Summary() const;
};

// `started` is what the gateway was started with, `running` what it runs now.
[[nodiscard]] ReloadPlan PlanReload(const config::Config& started, const config::Config& running,
                                    const config::Config& next);

// How much the reloads of a process have changed.
struct ReloadCounts {
  struct Entries {
    uint64_t added = 0;
    uint64_t removed = 0;
    uint64_t changed = 0;
  };
  Entries listeners;
  Entries topics;
  Entries schemes;
  Entries upstreams;
  Entries routes;
  uint64_t keys = 0;  // that have no entries

  void Add(const ReloadPlan& plan);
};

}  // namespace sluice::server
