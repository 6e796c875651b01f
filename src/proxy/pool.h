// The kept connections of one upstream: to all of its servers, at most `keepalive` of them, the
// longest idle one goes first. Loop-thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/connection.h"
#include "proxy/server_list.h"
#include "sluice/base/log_throttle.h"
#include "sluice/config/proxy.h"

namespace sluice::proxy {

class Pool final : private ConnectionKeeper {
 public:
  // All must outlive the pool.
  Pool(event::Loop& loop, const config::Upstream& config, const Servers& servers)
      : loop_(loop), config_(config), servers_(servers) {}

  // The one that was used last; null if there is none.
  [[nodiscard]] std::unique_ptr<Connection> Take(Server& server);
  // Keeps it if it is fit for another request, else closes it.
  void Put(std::unique_ptr<Connection> connection);
  // Closes all; from now on nothing is kept.
  void Close();

  [[nodiscard]] size_t size() const;

 private:
  void OnIdleEnd(Connection& connection) override;
  [[nodiscard]] uint64_t KeepMs(const Connection& connection) const;
  void WarnOfSurplus(const Connection& connection);
  void CloseOldest();
  void Close(Server& server, size_t at);

  event::Loop& loop_;
  const config::Upstream& config_;
  const Servers& servers_;
  LogThrottle surplus_line_;
  bool closed_ = false;
};

}  // namespace sluice::proxy
