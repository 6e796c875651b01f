// Opens connections to the servers of one upstream, with TLS if it has it. Loop-thread only.
#pragma once

#include <memory>

#include "proxy/server.h"
#include "sluice/net/connector.h"
#include "sluice/proxy/upstream.h"

namespace sluice::proxy {

class Dialer {
 public:
  // Both must outlive it and what it opens.
  Dialer(const UpstreamEnvironment& environment, const UpstreamState& state)
      : environment_(environment), state_(state) {}

  // As net::Network::Connect, within connect_timeout_ms for all of it.
  [[nodiscard]] std::unique_ptr<net::Connecting> Dial(const Server& server,
                                                      net::ConnectCallback connected) const {
    return Dial(server.config(), server.address(), state_.config().connect_timeout_ms,
                std::move(connected));
  }
  [[nodiscard]] std::unique_ptr<net::Connecting> Dial(const config::UpstreamServer& server,
                                                      const net::Endpoint& address,
                                                      uint64_t timeout_ms,
                                                      net::ConnectCallback connected) const;

 private:
  class TlsDialing;

  const UpstreamEnvironment& environment_;
  const UpstreamState& state_;
};

}  // namespace sluice::proxy
