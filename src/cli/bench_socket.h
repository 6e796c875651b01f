// Addresses and sockets of the load generator: plain calls, no event loop between it and the
// kernel. Any thread.
#pragma once

#include <cstdint>
#include <utility>

#include <sys/socket.h>

#include "sluice/base/result.h"
#include "sluice/net/address.h"

namespace sluice::cli::bench {

// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) Reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~Fd() { Reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool open() const { return fd_ >= 0; }
  void Reset(int fd = -1);

 private:
  int fd_ = -1;
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] bool is_loopback_ipv4() const;
  [[nodiscard]] const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// Looks names up; blocks.
[[nodiscard]] Result<SocketAddress> Resolve(const net::Endpoint& endpoint);

struct ConnectOptions {
  uint32_t loopback_source = 0;  // n: connect from 127.0.0.n; 0: the kernel's choice
  int receive_buffer = 0;        // SO_RCVBUF; 0: the kernel's choice
};

// A non-blocking socket whose connect has begun (it may be done).
[[nodiscard]] Result<Fd> StartConnect(const SocketAddress& address, const ConnectOptions& options);

// Waits for the connection; the socket is non-blocking.
[[nodiscard]] Result<Fd> Connect(const SocketAddress& address, uint32_t timeout_ms);

}  // namespace sluice::cli::bench
