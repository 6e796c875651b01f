// Accepts connections on one endpoint. Loop-thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "sluice/base/result.h"
#include "sluice/event/loop.h"
#include "sluice/net/stream.h"

namespace sluice::net {

struct ListenOptions {
  Endpoint endpoint;
  bool reuse_port = false;  // several workers listen on the same port
  // With reuse_port: fail if someone listens there already, be it with reuse_port too. For the
  // first of several workers, so that a second gateway does not share the port by mistake.
  bool claim = false;
  uint32_t backlog = 65535;                  // the kernel caps it at net.core.somaxconn
  uint32_t accepts_per_turn = 64;            // so that a reconnect storm does not starve delivery
  uint32_t emfile_pause_ms = 200;            // how long to wait when descriptors have run out
  uint32_t notsent_lowat_bytes = 16 * 1024;  // TCP_NOTSENT_LOWAT: unsent bytes the kernel may hold
  uint32_t user_timeout_ms = 30'000;  // TCP_USER_TIMEOUT: a peer that acknowledges nothing is dead
};

class Listener {
 public:
  virtual ~Listener() = default;  // closes the socket
  // Where it really listens: the port that the kernel chose for port 0.
  [[nodiscard]] virtual const Endpoint& endpoint() const = 0;
  // Other values of these ListenOptions, for what is accepted from now on.
  virtual void SetClientOptions(uint32_t notsent_lowat_bytes, uint32_t user_timeout_ms) = 0;
};

using AcceptCallback = std::function<void(std::unique_ptr<Stream> stream)>;
// Descriptors ran out (true) or are there again (false). Told on the change only.
using ExhaustedCallback = std::function<void(bool exhausted)>;

}  // namespace sluice::net
