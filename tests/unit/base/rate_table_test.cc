#include "sluice/base/rate_table.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/base/keyed_hash.h"

namespace sluice {
namespace {

constexpr uint64_t kNow = 1'000'000;

int CountAdmitted(RateTable& table, uint64_t key, uint64_t now_ms, int tries = 100) {
  int admitted = 0;
  for (int i = 0; i < tries; ++i) admitted += table.Take(key, now_ms) ? 0 : 1;
  return admitted;
}

TEST(RateTableTest, BurstAtOnceThenTheRate) {
  RateTable table({.events = 10, .interval_ms = 1'000, .burst = 4});
  EXPECT_EQ(CountAdmitted(table, 1, kNow), 4);
  EXPECT_EQ(table.Take(1, kNow), 100U);
  EXPECT_EQ(table.Take(1, kNow + 30), 70U);
  EXPECT_EQ(CountAdmitted(table, 1, kNow + 100), 1);
  // A second later the bucket is full again, and no fuller.
  EXPECT_EQ(CountAdmitted(table, 1, kNow + 10'000), 4);
}

TEST(RateTableTest, WithoutABurstItIsWhatTheRateSays) {
  RateTable table({.events = 3, .interval_ms = 60'000, .burst = 0});
  EXPECT_EQ(CountAdmitted(table, 7, kNow), 3);
  EXPECT_EQ(table.Take(7, kNow), 20'000U);
}

TEST(RateTableTest, HighRatesAreKept) {
  RateTable table({.events = 1'000'000, .interval_ms = 1'000, .burst = 1'000});
  EXPECT_EQ(CountAdmitted(table, 7, kNow, 5'000), 1'000);
  EXPECT_EQ(CountAdmitted(table, 7, kNow + 1, 5'000), 1'000);
}

TEST(RateTableTest, NoEventsIsNoLimit) {
  RateTable table({});
  EXPECT_EQ(CountAdmitted(table, 7, kNow), 100);
}

TEST(RateTableTest, KeysAreApart) {
  RateTable table({.events = 1, .interval_ms = 3'600'000, .burst = 1});
  const KeyedHash hash;
  int admitted = 0;
  for (int i = 0; i < 2'000; ++i) admitted += table.Take(hash(std::to_string(i)), kNow) ? 0 : 1;
  EXPECT_EQ(admitted, 2'000);
  int again = 0;
  for (int i = 0; i < 2'000; ++i) again += table.Take(hash(std::to_string(i)), kNow) ? 0 : 1;
  EXPECT_LE(again, 10);
}

// More keys in the slots of one hash than there are slots.
TEST(RateTableTest, AFullSetForgetsTheKeyNearestToAFullBucket) {
  RateTable table({.events = 10, .interval_ms = 1'000, .burst = 10});
  const uint64_t heavy = RateTable::kSlots;
  EXPECT_EQ(CountAdmitted(table, heavy, kNow), 10);
  for (uint64_t i = 2; i < 100; ++i) {
    EXPECT_FALSE(table.Take(i * RateTable::kSlots, kNow)) << "a newcomer is never refused";
  }
  EXPECT_TRUE(table.Take(heavy, kNow)) << "and who is over the limit is not forgotten for it";
}

TEST(RateTableTest, ThreadsShareOneBucket) {
  RateTable table({.events = 1'000, .interval_ms = 60'000, .burst = 1'000});
  std::atomic<int> admitted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] { admitted += CountAdmitted(table, 5, kNow, 1'000); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admitted, 1'000);
}

}  // namespace
}  // namespace sluice
