#include "redis/backoff.h"

#include <algorithm>
#include <cstdint>

#include <gtest/gtest.h>

namespace sluice::redis {
namespace {

TEST(BackoffTest, DoublesUpToTheCapWithinTheJitter) {
  for (int round = 0; round < 200; ++round) {
    Backoff backoff(3'000);
    for (const uint64_t whole : {100U, 200U, 400U, 800U, 1600U, 3000U, 3000U}) {
      const uint64_t wait = backoff.Next();
      EXPECT_GE(wait, whole / 2);
      EXPECT_LE(wait, whole);
    }
  }
}

TEST(BackoffTest, SpreadsOverTheWholeRange) {
  uint64_t least = 1'000'000;
  uint64_t most = 0;
  for (int round = 0; round < 2'000; ++round) {
    const uint64_t wait = Backoff(5'000).Next();
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  EXPECT_LT(least, 60U);
  EXPECT_GT(most, 90U);
}

TEST(BackoffTest, BeginsAnewAfterReset) {
  Backoff backoff(5'000);
  for (int i = 0; i < 10; ++i) EXPECT_GT(backoff.Next(), 0U);
  backoff.Reset();
  EXPECT_LE(backoff.Next(), 100U);
}

TEST(BackoffTest, NeverWaitsLongerThanASmallCap) {
  Backoff backoff(20);
  for (int i = 0; i < 10; ++i) EXPECT_LE(backoff.Next(), 20U);
}

TEST(BackoffTest, WaitsEvenWithACapOfZero) {
  Backoff backoff(0);
  EXPECT_LE(backoff.Next(), 1U);
}

}  // namespace
}  // namespace sluice::redis
