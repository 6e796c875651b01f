// Patterns, the limit of failures, and the memory of spent tokens.

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/auth/failure_limiter.h"
#include "sluice/auth/identity.h"
#include "sluice/auth/pattern.h"
#include "sluice/auth/spent_tokens.h"

namespace sluice::auth {
namespace {

TEST(PatternTest, StarsStandForAnythingAndTheRestForItself) {
  const std::tuple<const char*, const char*, bool> cases[] = {{"news", "news", true},
                                                              {"news", "new", false},
                                                              {"news", "newss", false},
                                                              {"", "", true},
                                                              {"", "a", false},
                                                              {"*", "", true},
                                                              {"*", "anything:at/all", true},
                                                              {"room:*", "room:42", true},
                                                              {"room:*", "room:", true},
                                                              {"room:*", "room", false},
                                                              {"room:*", "xroom:1", false},
                                                              {"*:42", "room:42", true},
                                                              {"*:42", "room:421", false},
                                                              {"a*b*c", "abc", true},
                                                              {"a*b*c", "axxbxxc", true},
                                                              {"a*b*c", "axxbxx", false},
                                                              {"a*b*c", "abcabc", true},
                                                              {"**", "x", true},
                                                              {"room:?", "room:1", false},
                                                              {"room:.", "room:1", false},
                                                              {"NEWS", "news", false}};
  for (const auto& [pattern, name, expected] : cases) {
    EXPECT_EQ(MatchesPattern(pattern, name), expected) << pattern << " " << name;
  }
}

TEST(PatternTest, HostilePatternsTakeNoExponentialTime) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "a*";
  EXPECT_FALSE(MatchesPattern(pattern + "b", std::string(256, 'a')));
}

TEST(IdentityTest, RightsAreApart) {
  Identity identity;
  EXPECT_TRUE(identity.May(Right::kRead, "x"));
  EXPECT_TRUE(identity.May(Right::kPublish, "x"));
  identity.read = {"room:*", "news"};
  identity.publish = std::vector<std::string>();
  EXPECT_TRUE(identity.May(Right::kRead, "room:1"));
  EXPECT_TRUE(identity.May(Right::kRead, "news"));
  EXPECT_FALSE(identity.May(Right::kRead, "other"));
  EXPECT_FALSE(identity.May(Right::kPublish, "room:1"));
}

TEST(FailureLimiterTest, BurstIsAllowedAndThenAnEvenRate) {
  FailureLimiter limiter(3);
  uint64_t now = 1'000'000;
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(limiter.Count("a", now));
  EXPECT_EQ(limiter.Count("a", now), 20'000U);
  EXPECT_EQ(limiter.Count("a", now + 15'000), 5'000U);
  // Those that were refused have not made it longer.
  EXPECT_FALSE(limiter.Count("a", now + 20'000));
  EXPECT_EQ(limiter.Count("a", now + 20'000), 20'000U);
  // After a quiet minute the whole burst is there again.
  now += 80'000;
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(limiter.Count("a", now));
  EXPECT_TRUE(limiter.Count("a", now));
}

TEST(FailureLimiterTest, AddressesAreApart) {
  FailureLimiter limiter(1);
  int allowed = 0;
  for (int i = 0; i < 100; ++i) allowed += limiter.Count(std::to_string(i), 1'000'000) ? 0 : 1;
  EXPECT_EQ(allowed, 100);
}

TEST(FailureLimiterTest, ZeroIsNoLimit) {
  FailureLimiter limiter(0);
  for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(limiter.Count("a", 5));
}

TEST(FailureLimiterTest, ThreadsShareOneBucket) {
  FailureLimiter limiter(1'000);
  std::atomic<int> allowed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) allowed += limiter.Count("a", 1'000'000) ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(allowed, 1'000);
}

TEST(SpentTokensTest, TheLatestOfASlotIsRemembered) {
  SpentTokens spent;
  const uint64_t first = 0x1234567890abcdefU;
  const uint64_t same_slot = first + (uint64_t{SpentTokens::kSlots} << 1);
  EXPECT_FALSE(spent.Has(first));
  spent.Add(first);
  EXPECT_TRUE(spent.Has(first));
  EXPECT_FALSE(spent.Has(same_slot));
  spent.Add(same_slot);
  EXPECT_TRUE(spent.Has(same_slot));
  EXPECT_FALSE(spent.Has(first));
}

}  // namespace
}  // namespace sluice::auth
