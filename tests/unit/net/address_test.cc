#include "sluice/net/address.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::net {
namespace {

TEST(EndpointTest, OnlyANameHasToBeResolved) {
  const auto is_name = [](const std::string& host) {
    return Endpoint{.host = host, .port = 80, .unix_path = ""}.is_name();
  };
  EXPECT_TRUE(is_name("app.example"));
  EXPECT_TRUE(is_name("127.0.0.1.example"));
  EXPECT_FALSE(is_name("127.0.0.1"));
  EXPECT_FALSE(is_name("::1"));
  EXPECT_FALSE(is_name("fe80::1%eth0"));
  EXPECT_FALSE((Endpoint{.host = "", .port = 0, .unix_path = "/run/app.sock"}.is_name()));
}

}  // namespace
}  // namespace sluice::net
