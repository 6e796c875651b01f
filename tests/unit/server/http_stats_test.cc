#include "sluice/server/http_stats.h"

#include <string>
#include <string_view>
#include <vector>

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

std::vector<std::string> Labels(const HttpStats& stats) {
  std::vector<std::string> labels;
  for (const auto* row = &stats.first(); row != nullptr; row = row->next()) {
    labels.push_back(row->label());
  }
  return labels;
}

uint64_t CountOf(const HttpStats& stats, std::string_view route, int status) {
  const HttpStats::Row* row = &stats.first();
  while (row != nullptr && row->label() != route) row = row->next();
  if (row == nullptr) {
    ADD_FAILURE() << "no row for " << route;
    return 0;
  }
  for (size_t column = 0; column < HttpStats::kStatuses; ++column) {
    if (HttpStats::StatusOf(column) == status) return row->Get(column);
  }
  ADD_FAILURE() << "no column for " << status;
  return 0;
}

TEST(HttpStatsTest, TopicsAndRoutesAreLabels) {
  const HttpStats stats(MakeConfig());
  EXPECT_THAT(Labels(stats),
              ElementsAre("none", "publish", "demo", "news", "/", "app.example/api"));
}

TEST(HttpStatsTest, NewRoutesGetRowsAndThoseThatWentKeepTheirs) {
  HttpStats stats(MakeConfig());
  stats.Count("/", 200);
  config::Config next = MakeConfig();
  next.routes[0].name = "/new";
  stats.AddRoutes(next);
  stats.Count("/new", 201);
  EXPECT_THAT(Labels(stats),
              ElementsAre("none", "publish", "demo", "news", "/", "app.example/api", "/new"));
  EXPECT_EQ(CountOf(stats, "/", 200), 1U);
  EXPECT_EQ(CountOf(stats, "/new", 201), 1U);
}

TEST(HttpStatsTest, EveryStatusOfAnAnswerIsCountedByItself) {
  HttpStats stats(MakeConfig());
  for (int status = 101; status < 600; ++status) stats.Count("/", status);
  for (int status = 101; status < 600; ++status) EXPECT_EQ(CountOf(stats, "/", status), 1U);
  EXPECT_EQ(CountOf(stats, "/", HttpStats::kOther), 0U);
  EXPECT_EQ(CountOf(stats, "news", 200), 0U);
}

TEST(HttpStatsTest, WhatIsNoStatusIsOther) {
  HttpStats stats(MakeConfig());
  for (const int status : {-1, 0, 100, 600, 999}) stats.Count("news", status);
  EXPECT_EQ(CountOf(stats, "news", HttpStats::kOther), 5U);
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
