#include "sluice/base/log_throttle.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(LogThrottleTest, FirstLineIsWritten) {
  LogThrottle throttle;
  EXPECT_EQ(throttle.Admit(0), 0U);
}

TEST(LogThrottleTest, OneASecondIsWrittenAndTellsHowManyWereLeftOut) {
  LogThrottle throttle;
  ASSERT_EQ(throttle.Admit(5'000), 0U);
  for (uint64_t ms = 5'001; ms < 5'011; ++ms) EXPECT_EQ(throttle.Admit(ms), std::nullopt);
  EXPECT_EQ(throttle.Admit(5'999), std::nullopt);
  EXPECT_EQ(throttle.Admit(6'000), 11U);
  EXPECT_EQ(throttle.Admit(7'000), 0U);
}

TEST(LogThrottleTest, NothingIsSaidOfNoneLeftOut) {
  EXPECT_EQ(LeftOut(0), "");
  EXPECT_EQ(LeftOut(17), " left_out=17");
}

}  // namespace
}  // namespace sluice
