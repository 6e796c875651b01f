#include "server/numbers.h"

#include <thread>

#include <gtest/gtest.h>

namespace sluice::server {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

size_t BucketOf(double bound) {
  const auto& bounds = DurationHistogram::kBounds;
  size_t i = 0;
  while (i < bounds.size() && bounds[i] != bound) ++i;
  EXPECT_LT(i, bounds.size());
  return i;
}

TEST(QuantileTest, NothingObservedHasNone) {
  EXPECT_FALSE(Quantile({}, 0.5).has_value());
}

TEST(QuantileTest, IsInterpolatedWithinItsBucket) {
  DurationHistogram::Counts counts{};
  counts[BucketOf(0.005)] = 4;  // 2.5 to 5 ms
  EXPECT_DOUBLE_EQ(*Quantile(counts, 0.5), 0.00375);
  EXPECT_DOUBLE_EQ(*Quantile(counts, 1), 0.005);
}

TEST(QuantileTest, FewSlowOnesShowInTheHighQuantileOnly) {
  DurationHistogram::Counts counts{};
  counts[0] = 98;
  counts[BucketOf(1)] = 2;  // 0.5 to 1 s
  EXPECT_LT(*Quantile(counts, 0.5), 0.0001);
  EXPECT_DOUBLE_EQ(*Quantile(counts, 0.99), 0.75);
}

TEST(QuantileTest, WhatIsOverTheLastBoundCountsAsTheBound) {
  DurationHistogram::Counts counts{};
  counts.back() = 1;
  EXPECT_DOUBLE_EQ(*Quantile(counts, 0.5), DurationHistogram::kBounds.back());
}

Totals At(uint64_t seconds) {
  Totals totals;
  totals.at_ns = seconds * kSecondNs;
  totals.wall_ms = 1'700'000'000'000 + seconds * 1000;
  totals.topic_events = {{"news", 0}, {"prices", 0}};
  return totals;
}

TEST(RatesTest, ArePerSecondOfTheTimeBetween) {
  Totals before = At(10);
  before.events = 5;
  before.topic_events = {{"news", 5}, {"prices", 0}, {"gone", 7}};
  Totals after = At(12);
  after.events = 25;
  after.topic_events = {{"news", 15}, {"prices", 10}, {"new", 3}};
  after.deliveries = 1000;
  after.delivery_bytes = 64'000;
  after.cpu_seconds = 0.5;
  const Rates rates = Between(before, after);
  EXPECT_DOUBLE_EQ(rates.events, 10);
  EXPECT_EQ(rates.topic_events,
            (decltype(rates.topic_events){{"new", 0}, {"news", 5}, {"prices", 5}}));
  EXPECT_DOUBLE_EQ(rates.deliveries, 500);
  EXPECT_DOUBLE_EQ(rates.delivery_bytes, 32'000);
  EXPECT_DOUBLE_EQ(rates.cpu_percent, 25.0 / std::max(1U, std::thread::hardware_concurrency()));
}

TEST(RatesTest, CountOnlyTheLatenciesOfThatTime) {
  Totals before = At(0);
  before.fanout[BucketOf(10)] = 100;  // slow, and long ago
  Totals after = At(1);
  after.fanout = before.fanout;
  EXPECT_FALSE(Between(before, after).fanout_p99.has_value());
  after.fanout[0] = 1;
  EXPECT_LT(*Between(before, after).fanout_p99, 0.001);
}

TEST(RatesTest, WithoutTimeBetweenAreZero) {
  Totals after = At(1);
  after.events = 7;
  const Rates rates = Between(At(1), after);
  EXPECT_EQ(rates.events, 0);
  EXPECT_EQ(rates.topic_events.size(), 2U);
}

TEST(MetricsMessageTest, HasTheUnitsOfTheDocumentation) {
  Totals totals = At(0);
  totals.resident_bytes = uint64_t{512} * 1024 * 1024;
  totals.subscribers = 3;
  totals.probe_ns = 1'500'000;
  Rates rates;
  rates.cpu_percent = 12.345;
  rates.fanout_p99 = 0.0025;
  const auto message = MetricsMessage(totals, rates);
  EXPECT_EQ(message["timestamp"], 1'700'000'000'000);
  EXPECT_EQ(message["cpu"], 12.35);
  EXPECT_EQ(message["memory"], 0.5);
  EXPECT_EQ(message["subscribers"], 3);
  EXPECT_EQ(message["fanout_p99_ms"], 2.5);
  EXPECT_TRUE(message["fanout_p50_ms"].is_null());
  EXPECT_EQ(message["redis_probe_ms"], 1.5);
}

TEST(MetricsMessageTest, SaysNothingOfAProbeThatDidNotComeBack) {
  Totals totals = At(0);
  EXPECT_FALSE(MetricsMessage(totals, {}).contains("redis_probe_ms")) << "the memory broker";
  totals.probe_ns = 1;
  totals.redis_up = false;
  EXPECT_TRUE(MetricsMessage(totals, {})["redis_probe_ms"].is_null());
}

}  // namespace
}  // namespace sluice::server
