#include "redis/probe.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace sluice::redis {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kQuiet = 0;  // nothing else came

TEST(ProbeTest, MeasuresTheWayOfABeat) {
  Probe probe(1'000);
  const std::string beat = probe.Send(5'000, 5'000 * kMs);
  EXPECT_EQ(probe.Receive(beat, 5'003 * kMs), std::optional<uint64_t>(3 * kMs));
  EXPECT_EQ(probe.Receive(beat, 5'004 * kMs), std::nullopt);  // each counts once
}

TEST(ProbeTest, IgnoresWhatIsNoBeatUnderWay) {
  Probe probe(1'000);
  const std::string beat = probe.Send(5'000, 5'000 * kMs);
  for (const char* other : {"", "0", "2", "99999999999999999999", "x", "1 ", "-1", "01x"}) {
    EXPECT_EQ(probe.Receive(other, 5'001 * kMs), std::nullopt) << other;
  }
  EXPECT_TRUE(probe.Receive(beat, 5'001 * kMs).has_value());
}

TEST(ProbeTest, ForgetsBeatsOfTheLinkBefore) {
  Probe probe(1'000);
  const std::string old = probe.Send(5'000, 5'000 * kMs);
  probe.Reset();
  const std::string fresh = probe.Send(6'000, 6'000 * kMs);
  EXPECT_NE(old, fresh);
  EXPECT_EQ(probe.Receive(old, 6'001 * kMs), std::nullopt);
  EXPECT_TRUE(probe.Receive(fresh, 6'001 * kMs).has_value());
}

TEST(ProbeTest, MissesABeatAfterThreeIntervals) {
  Probe probe(1'000);
  const std::string first = probe.Send(1'000, 0);
  EXPECT_FALSE(probe.Missing(2'000, kQuiet));
  EXPECT_TRUE(probe.Receive(first, 0).has_value());
  const std::string lost = probe.Send(2'000, 0);
  for (uint64_t now = 3'000; now < 5'000; now += 1'000) {
    EXPECT_FALSE(probe.Missing(now, kQuiet));
    static_cast<void>(probe.Send(now, 0));
  }
  EXPECT_EQ(probe.Missing(5'000, kQuiet), 3'000U);
}

TEST(ProbeTest, WaitsAtLeastASecond) {
  Probe probe(50);
  uint64_t now = 1'000;
  static_cast<void>(probe.Send(now, 0));
  for (now += 50; now < 2'000; now += 50) {
    EXPECT_FALSE(probe.Missing(now, kQuiet)) << now;
    static_cast<void>(probe.Send(now, 0));
  }
  EXPECT_EQ(probe.Missing(2'000, kQuiet), 1'000U);
}

TEST(ProbeTest, WaitsTenTimesAsLongWhileOtherDataComes) {
  Probe probe(1'000);
  static_cast<void>(probe.Send(0, 0));
  for (uint64_t now = 1'000; now < 30'000; now += 1'000) {
    EXPECT_FALSE(probe.Missing(now, now - 10)) << now;
    static_cast<void>(probe.Send(now, 0));
  }
  EXPECT_EQ(probe.Missing(30'000, 29'990), 30'000U);
}

TEST(ProbeTest, MissesABeatWhenTheOtherDataStops) {
  Probe probe(1'000);
  static_cast<void>(probe.Send(0, 0));
  for (uint64_t now = 1'000; now < 8'000; now += 1'000) {
    EXPECT_FALSE(probe.Missing(now, std::min<uint64_t>(now, 5'000))) << now;
    static_cast<void>(probe.Send(now, 0));
  }
  EXPECT_EQ(probe.Missing(8'000, 5'000), 3'000U);
}

TEST(ProbeTest, ExcusesALoopThatStoodStillButOnce) {
  Probe probe(1'000);
  static_cast<void>(probe.Send(1'000, 0));
  EXPECT_FALSE(probe.Missing(31'000, kQuiet));
  static_cast<void>(probe.Send(31'000, 0));
  EXPECT_EQ(probe.Missing(61'000, kQuiet), 3'000U);
}

}  // namespace
}  // namespace sluice::redis
