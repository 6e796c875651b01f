#include "sluice/base/place_table.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/base/keyed_hash.h"

namespace sluice {
namespace {

TEST(PlaceTableTest, PlacesAreCountedAndGivenBack) {
  PlaceTable table(100);
  PlaceTable::Taken first = table.Take(0xABCD'0000'0000'0001U);
  PlaceTable::Taken second = table.Take(0xABCD'0000'0000'0001U);
  EXPECT_EQ(first.count, 1U);
  EXPECT_EQ(second.count, 2U);
  EXPECT_EQ(table.Take(0x1234'0000'0000'0001U).count, 1U) << "another key";
  second.place = Place();
  EXPECT_EQ(table.Take(0xABCD'0000'0000'0001U).count, 2U);
  Place moved = std::move(first.place);
  first.place = Place();
  EXPECT_EQ(table.Take(0xABCD'0000'0000'0001U).count, 2U) << "the place went with the move";
  moved = Place();
  EXPECT_EQ(table.Take(0xABCD'0000'0000'0001U).count, 1U);
}

TEST(PlaceTableTest, AsManyKeysAsPromisedAreApart) {
  constexpr size_t kKeys = 5'000;
  PlaceTable table(kKeys);
  const KeyedHash hash;
  std::vector<PlaceTable::Taken> taken;
  size_t counted = 0;
  for (size_t i = 0; i < kKeys; ++i) {
    taken.push_back(table.Take(hash(std::to_string(i))));
    ASSERT_LE(taken.back().count, 1U);
    counted += taken.back().count;
  }
  EXPECT_GE(counted, kKeys * 95 / 100);
}

TEST(PlaceTableTest, WhatFindsNoSlotIsNotCounted) {
  PlaceTable table(1);
  std::vector<PlaceTable::Taken> taken;
  for (uint64_t i = 1; i <= 8; ++i) taken.push_back(table.Take(i << 32));
  EXPECT_EQ(taken.back().count, 1U);
  EXPECT_EQ(table.Take(uint64_t{9} << 32).count, 0U);
  taken.pop_back();
  EXPECT_EQ(table.Take(uint64_t{9} << 32).count, 1U) << "a slot without places is anybody's";
}

TEST(PlaceTableTest, WithoutRoomNothingIsCounted) {
  PlaceTable table(0);
  EXPECT_EQ(table.Take(1).count, 0U);
}

TEST(PlaceTableTest, ThreadsLoseNothing) {
  PlaceTable table(16);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&table, t] {
      for (uint64_t i = 0; i < 5'000; ++i) {
        const auto one = table.Take(((i % 5) + 1) << 40);
        const auto two = table.Take((static_cast<uint64_t>(t) + 10) << 40);
        ASSERT_LE(one.count + two.count, 5U);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (uint64_t key = 1; key < 20; ++key) EXPECT_EQ(table.Take(key << 40).count, 1U);
}

}  // namespace
}  // namespace sluice
