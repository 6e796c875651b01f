#include <algorithm>

#include "sluice/config/proxy.h"

namespace sluice::config {
namespace {

using Family = net::PeerAddress::Family;

// As an IPv6 address; IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2).
std::array<uint8_t, 16> Mapped(const net::PeerAddress& address) {
  if (address.family == Family::kIpv6) return address.bytes;
  std::array<uint8_t, 16> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  std::copy_n(address.bytes.begin(), 4, mapped.begin() + 12);
  return mapped;
}

}  // namespace

bool AddressRange::Covers(const net::PeerAddress& address) const {
  if (address.family == Family::kUnix || address.family == Family::kNone) {
    return unix_sockets && address.family == Family::kUnix;
  }
  if (unix_sockets) return false;
  const std::array<uint8_t, 16> bytes = Mapped(address);
  const size_t whole = bits / 8;
  if (!std::equal(bytes.begin(), bytes.begin() + whole, base.begin())) return false;
  const auto mask = static_cast<uint8_t>(0xFF00U >> (bits % 8));
  return bits % 8 == 0 || ((bytes[whole] ^ base[whole]) & mask) == 0;
}

bool Forwarding::Trusts(const net::PeerAddress& peer) const {
  return std::any_of(trusted_proxies.begin(), trusted_proxies.end(),
                     [&peer](const AddressRange& range) { return range.Covers(peer); });
}

}  // namespace sluice::config
