// The network as the rest of the code sees it: makes listeners and connections on a loop. src/uv
// has the real one, tests/support/fake_network.h a scripted one. Loop-thread only.
#pragma once

#include <cstdint>
#include <memory>

#include "sluice/net/connector.h"
#include "sluice/net/listener.h"

namespace sluice::net {

class Network {
 public:
  virtual ~Network() = default;

  [[nodiscard]] virtual Result<std::unique_ptr<Listener>> Listen(const ListenOptions& options,
                                                                 AcceptCallback accepted,
                                                                 ExhaustedCallback exhausted) = 0;

  // Resolves the name without blocking, then connects. The callback always comes in a later turn,
  // exactly once, unless the Connecting is destroyed first. Errors: kTimeout, kNotFound (the name),
  // kLimit (no descriptor is left here), kSystem.
  [[nodiscard]] virtual std::unique_ptr<Connecting> Connect(const Endpoint& endpoint,
                                                            uint64_t timeout_ms,
                                                            ConnectCallback connected) = 0;

  // The numeric addresses of `endpoint.host`, each once and with its port, in the resolver's order;
  // at least one. The system's resolver decides, and how long it takes (resolv.conf(5)). The
  // callback always comes in a later turn, exactly once, unless the Resolving is destroyed first.
  [[nodiscard]] virtual std::unique_ptr<Resolving> Resolve(const Endpoint& endpoint,
                                                           ResolveCallback resolved) = 0;
};

}  // namespace sluice::net
