#include "cli/bench_sequence.h"

#include <initializer_list>

#include <gtest/gtest.h>

namespace sluice::cli::bench {
namespace {

SequenceFaults Check(std::initializer_list<uint64_t> sequences) {
  SequenceCheck check;
  SequenceFaults faults;
  for (const uint64_t sequence : sequences) check.Saw(sequence, faults);
  return faults;
}

TEST(BenchSequenceTest, InOrderIsWithoutFault) {
  const SequenceFaults faults = Check({1, 2, 3, 4});
  EXPECT_EQ(faults.lost + faults.duplicates + faults.reordered, 0U);
}

TEST(BenchSequenceTest, SkippedNumbersAreLost) {
  EXPECT_EQ(Check({1, 2, 6}).lost, 3U);
  EXPECT_EQ(Check({3}).lost, 2U);
  EXPECT_EQ(Check({1, 1'000'000}).lost, 999'998U);
}

TEST(BenchSequenceTest, RepeatedNumbersAreDuplicates) {
  const SequenceFaults faults = Check({1, 2, 2, 1, 3});
  EXPECT_EQ(faults.duplicates, 2U);
  EXPECT_EQ(faults.lost, 0U);
}

TEST(BenchSequenceTest, LateNumberIsReorderedAndNotLost) {
  const SequenceFaults faults = Check({1, 3, 2, 4});
  EXPECT_EQ(faults.reordered, 1U);
  EXPECT_EQ(faults.lost, 0U);
  EXPECT_EQ(faults.duplicates, 0U);
}

TEST(BenchSequenceTest, LateNumberThatComesTwiceIsADuplicateToo) {
  const SequenceFaults faults = Check({1, 3, 2, 2});
  EXPECT_EQ(faults.reordered, 1U);
  EXPECT_EQ(faults.duplicates, 1U);
}

TEST(BenchSequenceTest, NumbersOlderThanTheWindowAreDuplicates) {
  SequenceCheck check;
  SequenceFaults faults;
  for (uint64_t sequence = 1; sequence <= 200; ++sequence) check.Saw(sequence, faults);
  check.Saw(7, faults);
  EXPECT_EQ(faults.duplicates, 1U);
  EXPECT_EQ(check.last(), 200U);
}

TEST(BenchSequenceTest, StartsWhereTheServerIs) {
  SequenceCheck check;
  SequenceFaults faults;
  check.StartAt(500);
  check.Saw(500, faults);
  check.Saw(501, faults);
  EXPECT_EQ(faults.lost, 0U);
}

}  // namespace
}  // namespace sluice::cli::bench
