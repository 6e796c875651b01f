#include "config/quantity.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

constexpr Range kAny = {0, UINT64_MAX};

struct Good {
  Unit unit;
  const char* text;
  uint64_t value;
};

TEST(QuantityTest, EachUnitIsRead) {
  for (const Good& good :
       {Good{Unit::kCount, "0", 0}, Good{Unit::kCount, "18000", 18'000},
        Good{Unit::kCount, "18446744073709551615", UINT64_MAX}, Good{Unit::kDuration, "250ms", 250},
        Good{Unit::kDuration, "15s", 15'000}, Good{Unit::kDuration, "10m", 600'000},
        Good{Unit::kDuration, "1h", 3'600'000}, Good{Unit::kDuration, "0s", 0},
        Good{Unit::kSize, "512", 512}, Good{Unit::kSize, "16KiB", 16'384},
        Good{Unit::kSize, "1MiB", 1'048'576}, Good{Unit::kSize, "2GiB", 2'147'483'648}}) {
    const auto number = ParseQuantity(good.unit, good.text, kAny);
    ASSERT_TRUE(number) << good.text << ": " << number.error();
    EXPECT_EQ(*number, good.value) << good.text;
  }
}

struct Bad {
  Unit unit;
  const char* text;
  const char* message;
};

TEST(QuantityTest, WhatIsNoneIsRefusedWithAnExample) {
  const char* count = "is not a whole number";
  const char* duration = "is not a duration such as 250ms, 15s, 10m or 1h";
  const char* size = "is not a size such as 4096, 16KiB, 1MiB or 1GiB";
  const char* zero = "has a leading 0; write the decimal number without it";
  for (const Bad& bad :
       {Bad{Unit::kCount, "", count},           Bad{Unit::kCount, "-1", count},
        Bad{Unit::kCount, "+1", count},         Bad{Unit::kCount, "1.5", count},
        Bad{Unit::kCount, "0x10", count},       Bad{Unit::kCount, "1_000", count},
        Bad{Unit::kCount, "1 ", count},         Bad{Unit::kCount, "010", zero},
        Bad{Unit::kCount, "00", zero},          Bad{Unit::kDuration, "", duration},
        Bad{Unit::kDuration, "10", duration},   Bad{Unit::kDuration, "s", duration},
        Bad{Unit::kDuration, "1d", duration},   Bad{Unit::kDuration, "1.5s", duration},
        Bad{Unit::kDuration, "10 s", duration}, Bad{Unit::kDuration, "1m30s", duration},
        Bad{Unit::kDuration, "-1s", duration},  Bad{Unit::kDuration, "10S", duration},
        Bad{Unit::kDuration, "010s", zero},     Bad{Unit::kSize, "16KB", size},
        Bad{Unit::kSize, "16k", size},          Bad{Unit::kSize, "KiB", size},
        Bad{Unit::kSize, "1.5MiB", size},       Bad{Unit::kSize, "016", zero}}) {
    const auto number = ParseQuantity(bad.unit, bad.text, kAny);
    ASSERT_FALSE(number) << bad.text;
    EXPECT_EQ(number.error(), bad.message) << bad.text;
  }
}

TEST(QuantityTest, BothEndsOfTheRangeAreInIt) {
  EXPECT_EQ(ParseQuantity(Unit::kDuration, "1s", {1'000, 60'000}), 1'000u);
  EXPECT_EQ(ParseQuantity(Unit::kDuration, "1m", {1'000, 60'000}), 60'000u);
  EXPECT_EQ(ParseQuantity(Unit::kDuration, "999ms", {1'000, 60'000}).error(),
            "is not between 1s and 1m");
  EXPECT_EQ(ParseQuantity(Unit::kDuration, "60001ms", {1'000, 60'000}).error(),
            "is not between 1s and 1m");
}

TEST(QuantityTest, OverflowIsOutOfRange) {
  const char* digits = "99999999999999999999";  // more than 64 bits hold
  EXPECT_EQ(ParseQuantity(Unit::kCount, digits, {1, 10}).error(), "is not between 1 and 10");
  EXPECT_EQ(ParseQuantity(Unit::kDuration, "5124095576030432h", {0, 1'000}).error(),
            "is not between 0s and 1s");
  EXPECT_EQ(ParseQuantity(Unit::kSize, "17179869184GiB", {0, 1'024}).error(),
            "is not between 0 and 1KiB");
}

TEST(QuantityTest, FormattingUsesTheLargestExactUnit) {
  EXPECT_EQ(FormatQuantity(Unit::kDuration, 86'400'000), "24h");
  EXPECT_EQ(FormatQuantity(Unit::kDuration, 90'000), "90s");
  EXPECT_EQ(FormatQuantity(Unit::kDuration, 1'500), "1500ms");
  EXPECT_EQ(FormatQuantity(Unit::kDuration, 0), "0s");
  EXPECT_EQ(FormatQuantity(Unit::kSize, 64 * 1024), "64KiB");
  EXPECT_EQ(FormatQuantity(Unit::kSize, 1'000), "1000");
  EXPECT_EQ(FormatQuantity(Unit::kCount, 3'600'000), "3600000");
}

}  // namespace
}  // namespace sluice::config
