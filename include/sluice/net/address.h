// A socket address: IPv4, IPv6 or a unix path. Immutable value, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/base/result.h"

namespace sluice::net {

// A peer's address in 20 bytes, kept with each connection for the log after the socket is gone.
struct PeerAddress {
  std::array<uint8_t, 16> bytes{};  // IPv4 in the first four
  uint16_t port = 0;
  enum class Family : uint8_t { kNone, kIpv4, kIpv6, kUnix } family = Family::kNone;

  // "192.0.2.1:4711", "[2001:db8::1]:4711", "unix:".
  [[nodiscard]] std::string ToString() const;
  // The same without the port.
  [[nodiscard]] std::string Host() const;
  void AppendHost(std::string& out) const;
  // What tells one client from another: an IPv4 address, or the network of 64 bits that an IPv6
  // client has to itself. Empty for a unix socket.
  [[nodiscard]] std::string_view ClientNetwork() const;
};

// "192.0.2.1", "2001:db8::1" or "[2001:db8::1]", with or without ":PORT" behind the first and last.
[[nodiscard]] std::optional<PeerAddress> ParsePeerAddress(std::string_view text);

// Where to listen or connect. Names are not resolved here (net/connector.h does).
struct Endpoint {
  std::string host;  // numeric address or name; empty for a unix socket
  uint16_t port = 0;
  std::string unix_path;

  [[nodiscard]] bool is_unix() const { return !unix_path.empty(); }
  // Whether a resolver has to say where it is: not a unix socket, nor a numeric address.
  [[nodiscard]] bool is_name() const;
  // "127.0.0.1:8080", "[::1]:8080", "unix:/run/x.sock".
  [[nodiscard]] std::string ToString() const;
  bool operator==(const Endpoint&) const = default;
};

// Parses what Endpoint::ToString prints; also "*:8080" and ":8080" (all IPv4 addresses).
[[nodiscard]] Result<Endpoint> ParseEndpoint(std::string_view text);

}  // namespace sluice::net
