// Which server is next. Loop-thread only.
//
// A server takes part if its active checks are good and it does not rest; one whose rest is over
// takes part for one request, the probe. Backup servers take part while none of the others can. The
// only server of an upstream never rests: there is nothing to spare it for. If nobody takes part
// there is no server, at once (as nginx's "no live upstreams").
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "proxy/server_list.h"
#include "sluice/config/proxy.h"

namespace sluice::proxy {

class Balancer {
 public:
  // Both must outlive it. `servers` may change between calls.
  Balancer(const config::Upstream& config, const Servers& servers)
      : config_(config), servers_(servers) {}

  struct Choice {
    Server* server = nullptr;  // entered (Server::TryEnter)
    bool probe = false;
    bool full = false;  // no server, but only because of max_connections
  };
  // Servers with an id in `tried` are out of the question. `hash` is for Balance::kHash.
  [[nodiscard]] Choice Next(uint64_t hash, std::span<const uint64_t> tried, uint64_t now_ms);

 private:
  [[nodiscard]] Choice Among(bool backups, uint64_t hash, uint64_t now_ms);
  [[nodiscard]] bool TakesPart(Server& server, bool backups, uint64_t now_ms, bool& full) const;
  [[nodiscard]] Server* ByTurn(std::span<Server* const> servers) const;
  [[nodiscard]] Server* ByLoad();
  [[nodiscard]] Server* ByHash(uint64_t hash) const;

  const config::Upstream& config_;
  const Servers& servers_;
  uint64_t round_ = 0;  // servers that bear its number are skipped
  std::vector<Server*> candidates_;
};

}  // namespace sluice::proxy
