#include "sluice/server/http_stats.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::server {
namespace {

using ::testing::ElementsAre;

config::Config MakeConfig() {
  config::Config config;
  config.topics.resize(1);
  config.topics[0].name = "news";
  config.routes.resize(2);
  config.routes[0].name = "/";
  config.routes[1].name = "app.example/api";
  return config;
}

uint64_t CountOf(const HttpStats& stats, std::string_view route, int status) {
  const auto& routes = stats.routes();
  const auto row =
      static_cast<size_t>(std::find(routes.begin(), routes.end(), route) - routes.begin());
  for (size_t column = 0; column < HttpStats::kStatuses; ++column) {
    if (HttpStats::StatusOf(column) == status) return stats.Get(row, column);
  }
  ADD_FAILURE() << "no column for " << status;
  return 0;
}

TEST(HttpStatsTest, TopicsAndRoutesAreLabels) {
  const HttpStats stats(MakeConfig());
  EXPECT_THAT(stats.routes(),
              ElementsAre("news", "/", "app.example/api", "publish", "demo", "none"));
}

TEST(HttpStatsTest, EveryStatusOfAnAnswerIsCountedByItself) {
  HttpStats stats(MakeConfig());
  for (int status = 200; status < 600; ++status) stats.Count("/", status);
  for (int status = 200; status < 600; ++status) EXPECT_EQ(CountOf(stats, "/", status), 1U);
  EXPECT_EQ(CountOf(stats, "/", HttpStats::kOther), 0U);
  EXPECT_EQ(CountOf(stats, "news", 200), 0U);
}

TEST(HttpStatsTest, WhatIsNoStatusIsOther) {
  HttpStats stats(MakeConfig());
  for (const int status : {-1, 0, 101, 199, 600, 999}) stats.Count("news", status);
  EXPECT_EQ(CountOf(stats, "news", HttpStats::kOther), 6U);
  EXPECT_EQ(CountOf(stats, "news", 200), 0U);
  EXPECT_EQ(CountOf(stats, "news", 599), 0U);
}

TEST(HttpStatsTest, UnknownRouteIsNone) {
  HttpStats stats(MakeConfig());
  stats.Count("", 404);
  stats.Count("other", 404);
  stats.Count("app.example/api", 404);
  EXPECT_EQ(CountOf(stats, "none", 404), 2U);
  EXPECT_EQ(CountOf(stats, "app.example/api", 404), 1U);
}

}  // namespace
}  // namespace sluice::server
