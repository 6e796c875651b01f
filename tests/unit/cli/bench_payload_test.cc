#include "cli/bench_payload.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace sluice::cli::bench {
namespace {

TEST(BenchPayloadTest, StampComesBackForNumbersOfEveryLength) {
  std::string payload;
  for (uint64_t number = 1; number < UINT64_MAX / 11; number = number * 10 + 7) {
    MakePayload({number, number + 1}, 100, payload);
    EXPECT_EQ(payload.size(), 100U);
    const auto stamp = ParseStamp(payload);
    ASSERT_TRUE(stamp);
    EXPECT_EQ(stamp->sequence, number);
    EXPECT_EQ(stamp->intended_ns, number + 1);
  }
}

TEST(BenchPayloadTest, SmallestSizeHoldsTheLargestStamp) {
  std::string payload;
  MakePayload({99'999'999, UINT64_MAX}, kMinPayloadBytes, payload);
  EXPECT_EQ(payload, "{\"seq\":99999999,\"t\":18446744073709551615,\"p\":\"xxxxxxxxxxxxxxxx\"}");
  EXPECT_EQ(payload.size(), kMinPayloadBytes);
}

TEST(BenchPayloadTest, OtherTextHasNoStamp) {
  for (const char* text : {"", "hello", "{\"seq\":", "{\"seq\":x,\"t\":1}", "{\"seq\":-1,\"t\":1}",
                           "{\"seq\":0,\"t\":1}", "{\"seq\":1}", "{\"seq\":1,\"t\":\"1\"}",
                           "{\"seq\":12345678", " {\"seq\":1,\"t\":1}"}) {
    EXPECT_FALSE(ParseStamp(text)) << text;
  }
}

TEST(BenchPayloadTest, BytesBesideDigitsAreNotDigits) {
  uint64_t number = 0;
  EXPECT_TRUE(detail::EightDigits("98765432", number));
  EXPECT_EQ(number, 98765432U);
  for (size_t at = 0; at < 8; ++at) {
    for (const char other : {'/', ':', '\0', '@', 'p', '\xb1'}) {
      std::string text = "12345678";
      text[at] = other;
      EXPECT_FALSE(detail::EightDigits(text.data(), number)) << text;
    }
  }
}

}  // namespace
}  // namespace sluice::cli::bench
