#include "server/auth_cache.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::server {
namespace {

constexpr uint64_t kNow = 1'000'000;
const proxy::FieldList kUser = {{"x-user", "ann"}};

TEST(AuthCacheTest, HoldsUntilItsTime) {
  AuthCache cache;
  cache.Add(1, kNow, kNow + 500, kUser);
  ASSERT_NE(cache.Find(1, kNow), nullptr);
  EXPECT_EQ(*cache.Find(1, kNow + 499), kUser);
  EXPECT_EQ(cache.Find(2, kNow), nullptr);
  EXPECT_EQ(cache.Find(1, kNow + 500), nullptr);
  EXPECT_EQ(cache.size(), 0U) << "what is past its time is not kept";
}

TEST(AuthCacheTest, LaterAnswerTakesThePlaceOfTheEarlier) {
  AuthCache cache;
  cache.Add(1, kNow, kNow + 500, kUser);
  cache.Add(1, kNow + 400, kNow + 900, {{"x-user", "bob"}});
  EXPECT_EQ(cache.size(), 1U);
  ASSERT_NE(cache.Find(1, kNow + 600), nullptr);
  EXPECT_EQ(cache.Find(1, kNow + 600)->front().second, "bob");
}

TEST(AuthCacheTest, ClearForgetsEverything) {
  AuthCache cache;
  cache.Add(1, kNow, kNow + 500, kUser);
  cache.Clear();
  EXPECT_EQ(cache.Find(1, kNow), nullptr);
  EXPECT_EQ(cache.size(), 0U);
}

TEST(AuthCacheTest, NumberOfEntriesIsBounded) {
  AuthCache cache;
  const size_t most = AuthCache::kMaxEntries;
  for (size_t i = 0; i < most; ++i) cache.Add(i, kNow, kNow + 1'000 + i, kUser);
  EXPECT_EQ(cache.size(), most);
  cache.Add(most, kNow + 999, kNow + 5'000, kUser);
  EXPECT_EQ(cache.Find(most, kNow + 999), nullptr) << "there is no room";
  EXPECT_NE(cache.Find(0, kNow + 999), nullptr) << "those that hold are not given up for it";

  cache.Add(most, kNow + 1'099, kNow + 5'000, kUser);
  EXPECT_NE(cache.Find(most, kNow + 1'099), nullptr);
  EXPECT_EQ(cache.size(), most - 99) << "a hundred were past their time";
  EXPECT_NE(cache.Find(100, kNow + 1'099), nullptr);
}

TEST(AuthCacheTest, FullItTakesANewAnswerForWhatItKnows) {
  AuthCache cache;
  for (size_t i = 0; i < AuthCache::kMaxEntries; ++i) cache.Add(i, kNow, kNow + 1'000, kUser);
  cache.Add(7, kNow + 500, kNow + 1'500, {{"x-user", "bob"}});
  ASSERT_NE(cache.Find(7, kNow + 1'400), nullptr);
  EXPECT_EQ(cache.Find(7, kNow + 1'400)->front().second, "bob");
}

TEST(AuthCacheTest, BytesAreBounded) {
  AuthCache cache;
  const proxy::FieldList large = {{"x-user", std::string(64 * 1024, 'u')}};
  size_t added = 0;
  for (; added < 1'000; ++added) {
    cache.Add(added, kNow, kNow + 1'000, large);
    if (cache.size() == added) break;
  }
  EXPECT_GT(added, 100U);
  EXPECT_LE(added * 64 * 1024, AuthCache::kMaxFieldBytes);
  cache.Add(5'000, kNow, kNow + 1'000, {});
  EXPECT_NE(cache.Find(5'000, kNow), nullptr) << "a small one still has room";

  cache.Add(6'000, kNow + 1'000, kNow + 2'000, large);
  EXPECT_NE(cache.Find(6'000, kNow + 1'000), nullptr) << "the others are past their time";
  EXPECT_EQ(cache.size(), 1U);
}

TEST(AuthCacheTest, BytesAreGivenBackHoweverAnEntryGoes) {
  AuthCache cache;
  const proxy::FieldList large = {{"x-user", std::string(64 * 1024, 'u')}};
  for (uint64_t i = 0; i < 1'000; ++i) {
    const uint64_t now = kNow + i * 10;
    cache.Add(1, now, now + 5, large);           // takes the place of the last
    EXPECT_EQ(cache.Find(1, now + 5), nullptr);  // found past its time
    cache.Add(2, now, now + 1'000, large);
    ASSERT_NE(cache.Find(2, now), nullptr) << "after " << i;
    if (i % 10 == 9) cache.Clear();
  }
}

}  // namespace
}  // namespace sluice::server
