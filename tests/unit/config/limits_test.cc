// Limits of one client: what is read, and each mistake with its place.

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/config/load_for_test.h"

namespace sluice::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kStart =
    "listen: 127.0.0.1:80\n"
    "upstreams: {app: {servers: [127.0.0.1:3000]}}\n"
    "auth: {members: {token: {bearer: true}, static: [{token: secret}]}}\n";

ConfigPtr Read(const std::string& yaml) {
  const LoadResult result = Load(kStart + yaml);
  if (result) return *result;
  ADD_FAILURE() << result.error().front().ToString();
  return nullptr;
}

TEST(LimitsTest, NoneByDefault) {
  const ConfigPtr config = Read("topics: {a: {path: /a}}\n");
  ASSERT_NE(config, nullptr);
  EXPECT_EQ(config->limits.per_ip, 0U);
  EXPECT_EQ(config->limits.requests, RequestRate());
  EXPECT_EQ(config->topics[0].limits, RateLimits());
}

TEST(LimitsTest, OfTheProcess) {
  const ConfigPtr config =
      Read("limits: {per_ip: 40, requests: {rate: 600/m, burst: 20, by: token}}\n");
  ASSERT_NE(config, nullptr);
  EXPECT_EQ(config->limits.per_ip, 40U);
  EXPECT_EQ(config->limits.requests, (RequestRate{.requests = 600,
                                                  .interval_ms = 60'000,
                                                  .burst = 20,
                                                  .by = {LimitKey::Kind::kToken, {}}}));
}

TEST(LimitsTest, OfTopicsAndRoutes) {
  const std::string limits =
      "limits: {requests: {rate: 10/s, by: {cookie: sid}}, connections: {max: 5, by: token}, "
      "refuse: retry}";
  const ConfigPtr config =
      Read("topics: {a: {path: /a, auth: members, " + limits +
           "}}\nroutes: [{path: /, upstream: app, auth: members, " + limits + "}]\n");
  ASSERT_NE(config, nullptr);
  const RateLimits expected{.requests = {.requests = 10,
                                         .interval_ms = 1'000,
                                         .burst = 0,
                                         .by = {LimitKey::Kind::kCookie, "sid"}},
                            .connections = {.max = 5, .by = {LimitKey::Kind::kToken, {}}},
                            .refuse = LimitAnswer::kRetry};
  EXPECT_EQ(config->topics[0].limits, expected);
  EXPECT_EQ(config->routes[0].limits, expected);
}

TEST(LimitsTest, MistakesAreTold) {
  const auto problems = [](const std::string& limits) {
    return ProblemsIn(kStart + "topics: {a: {path: /a, limits: " + limits + "}}\n");
  };
  for (const char* rate : {"10", "10/d", "/s", "10/", "1.5/s", "-1/s", "1000001/s", "010/s"}) {
    EXPECT_THAT(problems(std::string("{requests: {rate: ") + rate + "}}"),
                ElementsAre(std::string("4:50: topics.a.limits.requests.rate: \"") + rate +
                            "\" is not a rate such as 10/s, 600/m or 1000/h, with a number up to "
                            "1000000"));
  }
  EXPECT_THAT(problems("{requests: {rate: 1/h}}"), IsEmpty());
  EXPECT_THAT(problems("{connections: {by: token}}"),
              ElementsAre("4:51: topics.a.limits.connections.by: token needs `auth: NAME`: without "
                          "it no token is read"));
  EXPECT_THAT(problems("{connections: {by: ip}}"),
              ElementsAre("4:51: topics.a.limits.connections.by: \"ip\" is not one of: address, "
                          "token, {cookie: NAME}"));
  EXPECT_THAT(problems("{connections: {by: {cookie: \"a b\"}}}"),
              ElementsAre("4:60: topics.a.limits.connections.by.cookie: \"a b\" is not a cookie's "
                          "name"));
  EXPECT_THAT(problems("{refuse: never}"),
              ElementsAre("4:41: topics.a.limits.refuse: \"never\" is not one of: status, retry"));
}

}  // namespace
}  // namespace sluice::config
