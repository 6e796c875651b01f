#include "sluice/pubsub/ring.h"

#include <gtest/gtest.h>

namespace sluice::pubsub {
namespace {

constexpr uint64_t kNothingNeeded = UINT64_MAX;
constexpr uint64_t kSecond = 1'000'000'000;

FrameRef MakeFrame(uint64_t sequence, uint64_t received_ns = 0, size_t data_bytes = 1,
                   std::string_view id = {}) {
  const std::string body = "data: " + std::string(data_bytes, 'x') + "\n\n";
  return Frame::Make({.id = id,
                      .body = body,
                      .sequence = sequence,
                      .received_ns = received_ns,
                      .gap = false,
                      .fields = {}});
}

Ring MakeRing(uint64_t frames, const config::History& limits) {
  Ring ring(limits);
  for (uint64_t sequence = 1; sequence <= frames; ++sequence) ring.Push(MakeFrame(sequence));
  return ring;
}

TEST(RingTest, FramesAreFoundByTheirSequence) {
  const Ring ring = MakeRing(20, {});
  EXPECT_EQ(ring.first(), 1U);
  EXPECT_EQ(ring.next(), 21U);
  for (uint64_t sequence = 1; sequence <= 20; ++sequence) {
    EXPECT_EQ(ring.At(sequence)->sequence(), sequence);
  }
}

TEST(RingTest, NumberOfEventsIsBounded) {
  Ring ring = MakeRing(20, {.events = 5});
  ring.Trim(0, kNothingNeeded);
  EXPECT_EQ(ring.first(), 16U);
  EXPECT_EQ(ring.size(), 5U);
}

TEST(RingTest, BytesAreBounded) {
  Ring ring = MakeRing(10, {});
  const uint64_t each = ring.BytesFrom(10);
  Ring bounded = MakeRing(10, {.events = 1000, .bytes = each * 3 + 1});
  bounded.Trim(0, kNothingNeeded);
  EXPECT_EQ(bounded.size(), 3U);
  EXPECT_EQ(bounded.BytesFrom(bounded.first()), each * 3);
}

TEST(RingTest, AgeIsBounded) {
  Ring ring({.events = 10, .bytes = 10'000, .age_ms = 2'000});
  ring.Push(MakeFrame(1, 1 * kSecond));
  ring.Push(MakeFrame(2, 2 * kSecond));
  ring.Trim(3 * kSecond - 1, kNothingNeeded);
  EXPECT_EQ(ring.first(), 1U);
  ring.Trim(3 * kSecond, kNothingNeeded);
  EXPECT_EQ(ring.first(), 2U);
  ring.Trim(9 * kSecond, kNothingNeeded);
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(ring.first(), 3U) << "positions go on";
}

TEST(RingTest, FramesThatAPassStillNeedStay) {
  Ring ring = MakeRing(20, {.events = 5});
  ring.Trim(0, 8);
  EXPECT_EQ(ring.first(), 8U);
}

TEST(RingTest, EvenNeededFramesGoOverTheHardLimit) {
  Ring ring({.events = 1});
  const size_t big = Ring::kMaxPendingBytes / 4;
  for (uint64_t sequence = 1; sequence <= 6; ++sequence) ring.Push(MakeFrame(sequence, 0, big));
  ring.Trim(0, 1);
  EXPECT_EQ(ring.first(), 4U);
  EXPECT_LE(ring.BytesFrom(ring.first()), Ring::kMaxPendingBytes);
}

TEST(RingTest, NewestFrameOfAnIdIsFound) {
  Ring ring({});
  ring.Push(MakeFrame(1, 0, 1, "a"));
  ring.Push(MakeFrame(2, 0, 1, "b"));
  ring.Push(MakeFrame(3, 0, 1, "a"));
  EXPECT_EQ(ring.FindId("a"), 3U);
  EXPECT_EQ(ring.FindId("b"), 2U);
  EXPECT_EQ(ring.FindId("c"), std::nullopt);
}

TEST(RingTest, ResetStartsAnew) {
  Ring ring = MakeRing(5, {});
  ring.Reset(100);
  EXPECT_TRUE(ring.empty());
  ring.Push(MakeFrame(100));
  EXPECT_EQ(ring.first(), 100U);
  EXPECT_EQ(ring.BytesFrom(100), ring.At(100)->chunk().size());
}

}  // namespace
}  // namespace sluice::pubsub
