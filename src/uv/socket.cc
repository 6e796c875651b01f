#include "uv/socket.h"

#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace sluice::uv {

Result<SocketAddress> ToSocketAddress(const net::Endpoint& endpoint) {
  SocketAddress address;
  if (endpoint.is_unix()) {
    sockaddr_un un{};
    if (endpoint.unix_path.size() >= sizeof un.sun_path) {
      return Fail(Errc::kInvalid, "the socket path is too long: " + endpoint.unix_path);
    }
    un.sun_family = AF_UNIX;
    memcpy(un.sun_path, endpoint.unix_path.data(), endpoint.unix_path.size());
    memcpy(&address.storage, &un, sizeof un);
    address.size = sizeof un;
    return address;
  }
  sockaddr_in v4{};
  if (inet_pton(AF_INET, endpoint.host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    memcpy(&address.storage, &v4, sizeof v4);
    address.size = sizeof v4;
    return address;
  }
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, endpoint.host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    memcpy(&address.storage, &v6, sizeof v6);
    address.size = sizeof v6;
    return address;
  }
  return Fail(Errc::kNotFound, "not a numeric address: " + endpoint.host);
}

net::PeerAddress ToPeerAddress(const SocketAddress& address) {
  net::PeerAddress peer;
  if (address.storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    memcpy(&v4, &address.storage, sizeof v4);
    peer.family = net::PeerAddress::Family::kIpv4;
    peer.port = ntohs(v4.sin_port);
    memcpy(peer.bytes.data(), &v4.sin_addr, sizeof v4.sin_addr);
  } else if (address.storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    memcpy(&v6, &address.storage, sizeof v6);
    peer.family = net::PeerAddress::Family::kIpv6;
    peer.port = ntohs(v6.sin6_port);
    memcpy(peer.bytes.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
  } else {
    peer.family = net::PeerAddress::Family::kUnix;
  }
  return peer;
}

void SetOption(int fd, int level, int name, int value) {
  (void)setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace sluice::uv
