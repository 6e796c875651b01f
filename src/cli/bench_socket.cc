#include "cli/bench_socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

namespace sluice::cli::bench {
namespace {

// REQUIRES: the path fits, which ParseEndpoint checked.
SocketAddress UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  SocketAddress result;
  std::memcpy(&result.storage, &address, sizeof(address));
  result.length = sizeof(address);
  return result;
}

Result<> BindLoopback(int fd, uint32_t number) {
  constexpr uint32_t kLoopback = 0x7f000000;
  const int on = 1;
  // The port is chosen at connect, so that many sockets may share a port towards other servers.
  (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
  sockaddr_in source{};
  source.sin_family = AF_INET;
  source.sin_addr.s_addr = htonl(kLoopback + number);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof(source)) != 0) {
    return FailSystem("bind of a source address", errno);
  }
  return {};
}

}  // namespace

void Fd::Reset(int fd) {
  if (fd_ >= 0) (void)close(fd_);
  fd_ = fd;
}

bool SocketAddress::is_loopback_ipv4() const {
  if (storage.ss_family != AF_INET) return false;
  sockaddr_in address{};
  std::memcpy(&address, &storage, sizeof(address));
  return (ntohl(address.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
}

Result<SocketAddress> Resolve(const net::Endpoint& endpoint) {
  if (endpoint.is_unix()) return UnixAddress(endpoint.unix_path);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(endpoint.port);
  const int error = getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    return Fail(Errc::kUnavailable, fmt::format("{}: {}", endpoint.host, gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  SocketAddress address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.length = found->ai_addrlen;
  return address;
}

Result<Fd> StartConnect(const SocketAddress& address, const ConnectOptions& options) {
  const int family = address.storage.ss_family;
  Fd fd(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.open()) return FailSystem("socket", errno);
  if (family != AF_UNIX) {
    const int on = 1;
    (void)setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  if (options.receive_buffer > 0) {
    (void)setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &options.receive_buffer,
                     sizeof(options.receive_buffer));
  }
  if (options.loopback_source > 0) {
    const auto bound = BindLoopback(fd.get(), options.loopback_source);
    if (!bound) return tl::unexpected(bound.error());
  }
  if (connect(fd.get(), address.raw(), address.length) != 0 && errno != EINPROGRESS) {
    return FailSystem("connect", errno);
  }
  return fd;
}

Result<Fd> Connect(const SocketAddress& address, uint32_t timeout_ms) {
  auto fd = StartConnect(address, {});
  if (!fd) return fd;
  pollfd waiting{.fd = fd->get(), .events = POLLOUT, .revents = 0};
  if (poll(&waiting, 1, static_cast<int>(timeout_ms)) != 1) {
    return Fail(Errc::kTimeout, "connect: timed out");
  }
  int error = 0;
  socklen_t length = sizeof(error);
  (void)getsockopt(fd->get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return FailSystem("connect", error);
  return fd;
}

}  // namespace sluice::cli::bench
