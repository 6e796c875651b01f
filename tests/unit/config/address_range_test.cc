#include <cstdint>
#include <string>

#include <arpa/inet.h>

#include <gtest/gtest.h>

#include "unit/config/load_for_test.h"

namespace sluice::config {
namespace {

net::PeerAddress Peer(const std::string& text) {
  net::PeerAddress peer;
  const bool v6 = text.find(':') != std::string::npos;
  peer.family = v6 ? net::PeerAddress::Family::kIpv6 : net::PeerAddress::Family::kIpv4;
  EXPECT_EQ(inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), peer.bytes.data()), 1);
  return peer;
}

bool Trusts(const std::string& ranges, const net::PeerAddress& peer) {
  const LoadResult result = Load("listen: 127.0.0.1:80\ntrusted_proxies: [" + ranges + "]\n");
  if (!result) {
    ADD_FAILURE() << result.error().front().ToString();
    return false;
  }
  return (*result)->forwarding.Trusts(peer);
}

TEST(AddressRangeTest, OfIpv4) {
  EXPECT_FALSE(Trusts("", Peer("127.0.0.1")));
  EXPECT_TRUE(Trusts("127.0.0.1", Peer("127.0.0.1")));
  EXPECT_FALSE(Trusts("127.0.0.1", Peer("127.0.0.2")));
  EXPECT_TRUE(Trusts("10.0.0.0/8, 172.16.0.0/12", Peer("172.31.255.1")));
  EXPECT_FALSE(Trusts("10.0.0.0/8, 172.16.0.0/12", Peer("172.32.0.1")));
  EXPECT_TRUE(Trusts("\"0.0.0.0/0\"", Peer("8.8.8.8")));
  EXPECT_FALSE(Trusts("\"0.0.0.0/0\"", Peer("2001:db8::1")));
}

TEST(AddressRangeTest, OfIpv6) {
  EXPECT_TRUE(Trusts("\"2001:db8::/33\"", Peer("2001:db8:7fff::1")));
  EXPECT_FALSE(Trusts("\"2001:db8::/33\"", Peer("2001:db8:8000::1")));
  EXPECT_TRUE(Trusts("\"::1\"", Peer("::1")));
  EXPECT_FALSE(Trusts("\"::1\"", Peer("::2")));
}

TEST(AddressRangeTest, OfUnixSockets) {
  net::PeerAddress local;
  local.family = net::PeerAddress::Family::kUnix;
  EXPECT_TRUE(Trusts("unix", local));
  EXPECT_FALSE(Trusts("unix", Peer("0.0.0.0")));
  EXPECT_FALSE(Trusts("\"::/0\"", local));
}

}  // namespace
}  // namespace sluice::config
