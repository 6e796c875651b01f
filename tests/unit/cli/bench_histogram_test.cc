#include "cli/bench_histogram.h"

#include <cstdint>
#include <memory>

#include <gtest/gtest.h>

namespace sluice::cli::bench {
namespace {

TEST(BenchHistogramTest, EmptyHasOnlyZeros) {
  const auto histogram = std::make_unique<Histogram>();
  EXPECT_EQ(histogram->Percentile(50), 0U);
  EXPECT_EQ(histogram->Percentile(100), 0U);
  EXPECT_EQ(histogram->count(), 0U);
  EXPECT_EQ(histogram->Mean(), 0.0);
}

TEST(BenchHistogramTest, SmallValuesAreExact) {
  const auto histogram = std::make_unique<Histogram>();
  for (uint64_t value = 1; value <= 200; ++value) histogram->Record(value);
  EXPECT_EQ(histogram->Percentile(0), 1U);
  EXPECT_EQ(histogram->Percentile(50), 100U);
  EXPECT_EQ(histogram->Percentile(99), 198U);
  EXPECT_EQ(histogram->Percentile(100), 200U);
  EXPECT_DOUBLE_EQ(histogram->Mean(), 100.5);
}

TEST(BenchHistogramTest, EveryValueKeepsItsSizeWithinOnePercent) {
  for (uint64_t value = 1; value < uint64_t{1} << 41; value = value * 9 / 8 + 1) {
    const auto histogram = std::make_unique<Histogram>();
    histogram->Record(value);
    histogram->Record(value * 2);  // so that the maximum does not cut the bucket
    const uint64_t found = histogram->Percentile(50);
    EXPECT_GE(found, value);
    EXPECT_LE(static_cast<double>(found), static_cast<double>(value) * 1.008);
  }
}

TEST(BenchHistogramTest, PercentileNeverExceedsTheMaximum) {
  const auto histogram = std::make_unique<Histogram>();
  histogram->Record(1'000'001);
  EXPECT_EQ(histogram->Percentile(99), 1'000'001U);
  EXPECT_EQ(histogram->max(), 1'000'001U);
}

TEST(BenchHistogramTest, ValuesBeyondTheRangeCountAsItsEnd) {
  const auto histogram = std::make_unique<Histogram>();
  histogram->Record(UINT64_MAX);
  EXPECT_EQ(histogram->count(), 1U);
  EXPECT_EQ(histogram->max(), (uint64_t{1} << 42) - 1);
  EXPECT_EQ(histogram->Percentile(50), histogram->max());
}

TEST(BenchHistogramTest, MergeAddsCountsAndKeepsTheLargerMaximum) {
  const auto low = std::make_unique<Histogram>();
  const auto high = std::make_unique<Histogram>();
  for (int i = 0; i < 90; ++i) low->Record(10);
  for (int i = 0; i < 10; ++i) high->Record(200);
  low->Merge(*high);
  EXPECT_EQ(low->count(), 100U);
  EXPECT_EQ(low->Percentile(90), 10U);
  EXPECT_EQ(low->Percentile(91), 200U);
  EXPECT_EQ(low->max(), 200U);
  EXPECT_DOUBLE_EQ(low->Mean(), 29.0);
}

}  // namespace
}  // namespace sluice::cli::bench
