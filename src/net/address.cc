#include "sluice/net/address.h"

#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <sys/un.h>

#include <fmt/format.h>

namespace sluice::net {
namespace {

Result<uint16_t> ParsePort(std::string_view text, std::string_view whole) {
  uint32_t port = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, port);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != end || port > 65535) {
    return Fail(Errc::kInvalid, fmt::format("\"{}\" has no port between 0 and 65535", whole));
  }
  return static_cast<uint16_t>(port);
}

bool IsHostName(std::string_view host) {
  for (const char c : host) {
    const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '.' || c == '_';
    if (!ok) return false;
  }
  return !host.empty() && host.size() <= 253;
}

}  // namespace

std::string PeerAddress::Host() const {
  std::string out;
  AppendHost(out);
  return out;
}

void PeerAddress::AppendHost(std::string& out) const {
  char text[INET6_ADDRSTRLEN] = "";
  switch (family) {
    case Family::kNone:
      out += '-';
      break;
    case Family::kUnix:
      out += "unix:";
      break;
    case Family::kIpv4: {
      char* at = text;
      for (size_t i = 0; i < 4; ++i) {
        if (i > 0) *at++ = '.';
        const unsigned byte = bytes[i];
        if (byte >= 100) *at++ = static_cast<char>('0' + byte / 100);
        if (byte >= 10) *at++ = static_cast<char>('0' + byte / 10 % 10);
        *at++ = static_cast<char>('0' + byte % 10);
      }
      out.append(text, at);
      break;
    }
    case Family::kIpv6:
      inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
      out += text;
      break;
  }
}

std::string_view PeerAddress::ClientNetwork() const {
  const auto* const text = reinterpret_cast<const char*>(bytes.data());
  if (family == Family::kIpv4) return {text, 4};
  if (family == Family::kIpv6) return {text, 8};
  return {};
}

std::optional<PeerAddress> ParsePeerAddress(std::string_view text) {
  PeerAddress address;
  const bool bracket = text.starts_with('[');
  std::string_view host = text;
  std::string_view port;
  if (bracket) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else if (text.find(':') == text.rfind(':')) {
    host = text.substr(0, text.find(':'));
    port = text.substr(host.size());
  }
  char buffer[INET6_ADDRSTRLEN] = "";
  if (host.size() >= sizeof buffer) return std::nullopt;
  host.copy(buffer, host.size());
  if (!bracket && inet_pton(AF_INET, buffer, address.bytes.data()) == 1) {
    address.family = PeerAddress::Family::kIpv4;
  } else if (inet_pton(AF_INET6, buffer, address.bytes.data()) == 1) {
    address.family = PeerAddress::Family::kIpv6;
  } else {
    return std::nullopt;
  }
  if (port.empty()) return address;
  const Result<uint16_t> number = ParsePort(port.substr(1), text);
  if (port.front() != ':' || !number) return std::nullopt;
  address.port = *number;
  return address;
}

std::string PeerAddress::ToString() const {
  switch (family) {
    case Family::kIpv4:
      return fmt::format("{}:{}", Host(), port);
    case Family::kIpv6:
      return fmt::format("[{}]:{}", Host(), port);
    case Family::kNone:
    case Family::kUnix:
      break;
  }
  return Host();
}

bool Endpoint::is_name() const {
  if (is_unix()) return false;
  in6_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) != 1 &&
         inet_pton(AF_INET6, host.c_str(), &address) != 1 &&
         host.find('%') == std::string::npos;  // a link-local address with its link
}

std::string Endpoint::ToString() const {
  if (is_unix()) return "unix:" + unix_path;
  if (host.find(':') != std::string::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

Result<Endpoint> ParseEndpoint(std::string_view text) {
  Endpoint endpoint;
  if (text.substr(0, 5) == "unix:") {
    const std::string_view path = text.substr(5);
    if (path.empty() || path.find('\0') != std::string_view::npos) {
      return Fail(Errc::kInvalid, "\"unix:\" needs the path of a socket after it");
    }
    if (path.size() >= sizeof(sockaddr_un::sun_path)) {
      return Fail(Errc::kInvalid, fmt::format("the socket path is longer than {} bytes",
                                              sizeof(sockaddr_un::sun_path) - 1));
    }
    endpoint.unix_path = path;
    return endpoint;
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return Fail(Errc::kInvalid, fmt::format("\"{}\" is not ADDRESS:PORT or unix:PATH", text));
  }
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    in6_addr address{};
    if (inet_pton(AF_INET6, std::string(host).c_str(), &address) != 1) {
      return Fail(Errc::kInvalid, fmt::format("\"{}\" is not an IPv6 address", host));
    }
  } else if (host.empty() || host == "*") {
    host = "0.0.0.0";
  } else if (!IsHostName(host)) {
    return Fail(Errc::kInvalid, fmt::format("\"{}\" is not an address or a host name", host));
  }
  const Result<uint16_t> port = ParsePort(text.substr(colon + 1), text);
  if (!port) return tl::unexpected(port.error());
  endpoint.host = host;
  endpoint.port = *port;
  return endpoint;
}

}  // namespace sluice::net
