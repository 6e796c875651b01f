#include "server/reload_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

config::Config Running() {
  config::Config config;
  config.listen = {{.endpoint = {.host = "127.0.0.1", .port = 8080, .unix_path = {}}}};
  config.topics.resize(2);
  config.topics[0].name = config.topics[0].channel = "news";
  config.topics[1].name = config.topics[1].channel = "prices";
  config.upstreams.resize(1);
  config.upstreams[0].name = "app";
  config.routes.resize(1);
  config.routes[0].name = "/";
  return config;
}

TEST(PlanReloadTest, NothingHasChanged) {
  const ReloadPlan plan = PlanReload(Running(), Running(), Running());
  EXPECT_EQ(plan.Summary(), "nothing has changed");
  EXPECT_THAT(plan.waiting, IsEmpty());
  EXPECT_EQ(*plan.config, Running());
}

TEST(PlanReloadTest, ChangesAreNamed) {
  config::Config next = Running();
  next.listen[0].endpoint.port = 8081;
  next.topics[0].heartbeat_ms = 1;
  next.topics[1].name = next.topics[1].channel = "rates";
  next.auth.resize(1);
  next.auth[0].name = "members";
  next.upstreams[0].keepalive = 1;
  next.routes.clear();
  next.limits.headers = 50;
  const ReloadPlan plan = PlanReload(Running(), Running(), next);
  EXPECT_EQ(plan.Summary(),
            "listeners added: 127.0.0.1:8081; listeners removed: 127.0.0.1:8080; topics added: "
            "rates; topics removed: prices; topics changed: news; streams ended of: prices; auth "
            "schemes added: members; upstreams changed: app; routes removed: /; changed: limits");
  EXPECT_THAT(plan.waiting, IsEmpty());
  EXPECT_EQ(*plan.config, next);
}

TEST(PlanReloadTest, ChangesAreCountedOverReloads) {
  config::Config next = Running();
  next.listen[0].endpoint.port = 8081;
  next.topics[0].heartbeat_ms = 1;
  next.topics[1].name = next.topics[1].channel = "rates";
  next.auth.resize(2);
  next.auth[0].name = "members";
  next.auth[1].name = "partners";
  next.upstreams[0].keepalive = 1;
  next.routes.clear();
  next.limits.headers = 50;
  ReloadCounts counts;
  counts.Add(PlanReload(Running(), Running(), next));
  counts.Add(PlanReload(Running(), next, next));
  const auto expect = [](const ReloadCounts::Entries& entries, uint64_t added, uint64_t removed,
                         uint64_t changed) {
    EXPECT_EQ(entries.added, added);
    EXPECT_EQ(entries.removed, removed);
    EXPECT_EQ(entries.changed, changed);
  };
  expect(counts.listeners, 1, 1, 0);
  expect(counts.topics, 1, 1, 1);
  expect(counts.schemes, 2, 0, 0);
  expect(counts.upstreams, 0, 0, 1);
  expect(counts.routes, 0, 1, 0);
  EXPECT_EQ(counts.keys, 1);
  counts.Add(PlanReload(Running(), next, Running()));
  expect(counts.listeners, 2, 2, 0);
  expect(counts.routes, 1, 1, 0);
  EXPECT_EQ(counts.keys, 2);
}

TEST(PlanReloadTest, StreamsEndOnlyWhereItMatters) {
  config::Config next = Running();
  next.topics[0].auth = "members";
  next.topics[1].max_subscribers = 7;
  EXPECT_THAT(PlanReload(Running(), Running(), next).ended, ElementsAre("news"));
}

TEST(PlanReloadTest, WhatNeedsARestartStaysAsItWasStarted) {
  config::Config next = Running();
  next.workers = 7;
  next.broker = config::BrokerKind::kRedis;
  next.redis.password = "another";
  next.log_path = "elsewhere.log";
  next.access_log.emplace();
  next.limits.headers = 50;
  const ReloadPlan plan = PlanReload(Running(), Running(), next);
  EXPECT_THAT(plan.waiting,
              ElementsAre("workers", "log.path", "log.access.path", "broker", "redis"));
  config::Config expected = Running();
  expected.limits.headers = 50;
  EXPECT_EQ(*plan.config, expected);
  EXPECT_EQ(plan.Summary(), "changed: limits");
}

TEST(PlanReloadTest, WhatAnEarlierReloadTookIsNoChange) {
  config::Config running = Running();
  running.limits.headers = 50;
  const ReloadPlan plan = PlanReload(Running(), running, running);
  EXPECT_EQ(plan.Summary(), "nothing has changed");
  const ReloadPlan back = PlanReload(Running(), running, Running());
  EXPECT_EQ(back.Summary(), "changed: limits");
}

TEST(PlanReloadTest, AccessLogMayChangeItsFormatAndCease) {
  config::Config started = Running();
  started.access_log.emplace(config::AccessLog{"access.log", config::AccessFormat::kCombined});
  config::Config next = started;
  next.access_log->format = config::AccessFormat::kJson;
  EXPECT_THAT(PlanReload(started, started, next).waiting, IsEmpty());
  next.access_log.reset();
  const ReloadPlan off = PlanReload(started, started, next);
  EXPECT_EQ(off.Summary(), "changed: log.access");
  EXPECT_FALSE(off.config->access_log.has_value());
  next.access_log.emplace(config::AccessLog{"other.log", config::AccessFormat::kJson});
  const ReloadPlan moved = PlanReload(started, started, next);
  EXPECT_THAT(moved.waiting, ElementsAre("log.access.path"));
  EXPECT_EQ(moved.config->access_log->path, "access.log");
}

TEST(PlanReloadTest, MessageLimitOfTheRedisLinkWaits) {
  config::Config started = Running();
  started.broker = config::BrokerKind::kRedis;
  config::Config next = started;
  next.limits.message_bytes = 99'999;
  EXPECT_THAT(PlanReload(started, started, next).waiting, ElementsAre("limits.message_bytes"));
  next.broker = started.broker = config::BrokerKind::kMemory;
  EXPECT_THAT(PlanReload(started, started, next).waiting, IsEmpty());
}

}  // namespace
}  // namespace sluice::server
