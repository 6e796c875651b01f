#include "server/throttle.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace sluice::server {
namespace {

constexpr uint64_t kStart = 1'000'000;

// What goes, of as much as may.
size_t Take(Throttle& throttle, uint64_t now_ms) {
  const size_t size = throttle.Ready(now_ms).size();
  throttle.Drop(size);
  return size;
}

TEST(ThrottleTest, ATenthOfASecondsWorthGoesAtOnce) {
  Throttle throttle(1'000, kStart);
  throttle.Hold(std::string(5'000, 'a'));
  EXPECT_EQ(Take(throttle, kStart), 101U);
  EXPECT_EQ(Take(throttle, kStart), 0U);
}

TEST(ThrottleTest, BytesKeepTheirOrder) {
  Throttle throttle(20, kStart);
  throttle.Hold("abc");
  throttle.Hold("defghi");
  EXPECT_EQ(throttle.Ready(kStart), "abc");
  throttle.Drop(3);
  EXPECT_FALSE(throttle.empty());
  EXPECT_EQ(throttle.Ready(kStart + 200), "defg");
  throttle.Drop(4);
  EXPECT_EQ(throttle.Ready(kStart + 1'000), "hi");
  throttle.Drop(2);
  EXPECT_TRUE(throttle.empty());
}

TEST(ThrottleTest, RateHoldsHoweverOftenItIsAsked) {
  for (const uint64_t step_ms : {1U, 7U, 100U, 333U, 1'000U}) {
    Throttle throttle(1'500, kStart);
    throttle.Hold(std::string(100'000, 'a'));
    size_t taken = Take(throttle, kStart);
    for (uint64_t ms = step_ms; ms <= 20'000; ms += step_ms) taken += Take(throttle, kStart + ms);
    const uint64_t asked_ms = 20'000 / step_ms * step_ms;
    EXPECT_EQ(taken, 151 + asked_ms * 1'500 / 1'000) << "each " << step_ms << " ms";
  }
}

TEST(ThrottleTest, FractionsOfAByteAreNotLost) {
  Throttle throttle(3, kStart);
  throttle.Hold(std::string(100, 'a'));
  EXPECT_EQ(Take(throttle, kStart), 1U);
  size_t taken = 0;
  for (uint64_t ms = 1; ms <= 10'000; ++ms) taken += Take(throttle, kStart + ms);
  EXPECT_EQ(taken, 30U);
}

TEST(ThrottleTest, OneByteASecondIsPossible) {
  Throttle throttle(1, kStart);
  throttle.Hold("abc");
  EXPECT_EQ(Take(throttle, kStart), 1U);
  EXPECT_EQ(Take(throttle, kStart + 999), 0U);
  EXPECT_EQ(Take(throttle, kStart + 1'000), 1U);
}

TEST(ThrottleTest, WhatASilentSourceDidNotUseMakesNoBurst) {
  Throttle throttle(1'000, kStart);
  EXPECT_EQ(Take(throttle, kStart), 0U);
  throttle.Hold(std::string(50'000, 'a'));
  EXPECT_EQ(Take(throttle, kStart + 3'600'000), 1'000U) << "a second's worth";
  EXPECT_EQ(Take(throttle, kStart + 3'600'100), 100U);
}

TEST(ThrottleTest, WhatASlowClientDidNotTakeIsNotOwed) {
  Throttle throttle(1'000, kStart);
  throttle.Hold(std::string(50'000, 'a'));
  EXPECT_EQ(throttle.Ready(kStart + 500).size(), 601U);
  EXPECT_EQ(throttle.Ready(kStart + 60'000).size(), 1'000U) << "a second's worth";
  throttle.Drop(10);  // a part of it
  EXPECT_EQ(throttle.Ready(kStart + 60'000).size(), 990U);
}

TEST(ThrottleTest, ClockThatStepsBackNeitherStallsNorBursts) {
  Throttle throttle(1'000, kStart);
  throttle.Hold(std::string(50'000, 'a'));
  EXPECT_EQ(Take(throttle, kStart + 200), 301U);
  EXPECT_EQ(Take(throttle, kStart - 900'000), 0U);
  EXPECT_EQ(Take(throttle, kStart - 899'900), 100U);
  EXPECT_EQ(Take(throttle, kStart + 200), 1'000U) << "a second's worth";
}

TEST(ThrottleTest, RateWithoutEndIsNone) {
  for (const uint64_t rate : {UINT64_MAX, UINT64_MAX / 2, uint64_t{1} << 60}) {
    Throttle throttle(rate, kStart);
    const std::string much(1'000'000, 'a');
    throttle.Hold(much);
    EXPECT_EQ(Take(throttle, kStart), much.size());
    throttle.Hold(much);
    EXPECT_EQ(Take(throttle, UINT64_MAX), much.size());
  }
}

}  // namespace
}  // namespace sluice::server
