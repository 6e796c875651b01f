// Socket addresses and options, shared by the listener and the connector.
#pragma once

#include <sys/socket.h>

#include "sluice/base/result.h"
#include "sluice/net/address.h"

namespace sluice::uv {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

// For a unix path or a numeric host. kNotFound if the host is a name that must be resolved.
[[nodiscard]] Result<SocketAddress> ToSocketAddress(const net::Endpoint& endpoint);

[[nodiscard]] net::PeerAddress ToPeerAddress(const SocketAddress& address);

// Sets an integer option; a kernel that does not know it is no reason to fail.
void SetOption(int fd, int level, int name, int value);

}  // namespace sluice::uv
