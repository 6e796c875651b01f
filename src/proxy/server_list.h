// The servers of one upstream as one worker sees them: one for each address of each configured
// server, as names are resolved. Loop-thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/name_watcher.h"
#include "proxy/server.h"
#include "sluice/proxy/upstream.h"
#include "sluice/proxy/upstream_state.h"

namespace sluice::proxy {

using Servers = std::vector<std::unique_ptr<Server>>;

class ServerList {
 public:
  // `changed` comes when there are others. All references must outlive the list.
  ServerList(const UpstreamEnvironment& environment, UpstreamState& state, UpstreamStats& stats,
             std::function<void()> changed);
  ServerList(const ServerList&) = delete;
  ServerList& operator=(const ServerList&) = delete;

  // In the order of the config. What leaves it is retired, and lives on while a request is with it.
  [[nodiscard]] const Servers& servers() const { return servers_; }
  // A name has not been resolved yet.
  [[nodiscard]] bool resolving() const;
  // Why a name has no address; empty: all have.
  [[nodiscard]] std::string trouble() const;

 private:
  void Add(size_t config_index, const net::Endpoint& address, Servers& to);
  void Update();

  const UpstreamEnvironment& environment_;
  UpstreamState& state_;
  UpstreamStats& stats_;
  const std::function<void()> changed_;
  Servers servers_;
  Servers retired_;
  std::vector<std::unique_ptr<NameWatcher>> names_;  // by server; null: not a name
  uint64_t last_id_ = 0;
};

}  // namespace sluice::proxy
