#include "sluice/base/log.h"

#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

namespace sluice {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class LogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    char name[] = "/tmp/sluice-log-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    path_ = folder_ + "/log";
  }
  void TearDown() override {
    StopLog();
    SetLogLevel(LogLevel::kInfo);
    unlink(path_.c_str());
    unlink((path_ + ".1").c_str());
    rmdir(folder_.c_str());
  }
  static std::string Read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  std::string folder_;
  std::string path_;
};

TEST_F(LogTest, LineHasTimeLevelAndMessage) {
  ASSERT_TRUE(StartLog({.path = path_}).has_value());
  LogWarn("answer={}", 42);
  StopLog();
  EXPECT_THAT(Read(path_), MatchesRegex("[0-9-]+T[0-9:]+\\.[0-9]+Z warn  answer=42\n"));
}

TEST_F(LogTest, LinesBelowTheLevelAreLeftOut) {
  ASSERT_TRUE(StartLog({.level = LogLevel::kWarn, .path = path_}).has_value());
  LogInfo("quiet");
  LogError("loud");
  StopLog();
  EXPECT_THAT(Read(path_), HasSubstr("loud"));
  EXPECT_THAT(Read(path_), Not(HasSubstr("quiet")));
}

TEST_F(LogTest, ControlCharactersCannotForgeALine) {
  ASSERT_TRUE(StartLog({.path = path_}).has_value());
  LogInfo("{}", std::string_view("a\nb\rc\x1b[1m\xc2\x85z\x7f\0", 14));
  StopLog();
  EXPECT_THAT(Read(path_), HasSubstr("a\\x0Ab\\x0Dc\\x1B[1m\\xC2\\x85z\\x7F\\x00\n"));
}

TEST_F(LogTest, OrdinaryTextOutsideAsciiIsLeftAlone) {
  ASSERT_TRUE(StartLog({.path = path_}).has_value());
  LogInfo("caf\xc3\xa9 \xc2\xa0");
  StopLog();
  EXPECT_THAT(Read(path_), HasSubstr("caf\xc3\xa9 \xc2\xa0\n"));
}

TEST_F(LogTest, FullDiskIsCountedAndStopsNothing) {
  ASSERT_TRUE(StartLog({.path = "/dev/full"}).has_value());
  for (int i = 0; i < 100; ++i) LogInfo("line {}", i);
  while (GetLogLosses().unwritten + GetLogLosses().overflowed < 100) usleep(100);
  EXPECT_EQ(GetLogLosses().unwritten + GetLogLosses().overflowed, 100U);
}

TEST_F(LogTest, FullQueueDropsTheOldestLinesAndCountsThem) {
  // Nobody reads the pipe, so the writer stands still.
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_TRUE(StartLog({.path = "/proc/self/fd/" + std::to_string(ends[1]), .queue_lines = 16})
                  .has_value());
  const std::string long_line(4096, 'x');
  for (int i = 0; i < 200; ++i) LogInfo("{}", long_line);
  EXPECT_GT(GetLogLosses().overflowed, 100U);
  close(ends[0]);  // the writer goes on, into an error
  SetLogLevel(LogLevel::kOff);
  StopLog();
  close(ends[1]);
}

TEST_F(LogTest, ReopenFollowsARotatedFile) {
  ASSERT_TRUE(StartLog({.path = path_}).has_value());
  LogInfo("before");
  while (Read(path_).find("before") == std::string::npos) usleep(100);
  ASSERT_EQ(rename(path_.c_str(), (path_ + ".1").c_str()), 0);
  ReopenLog();
  LogInfo("after");
  StopLog();
  EXPECT_THAT(Read(path_ + ".1"), HasSubstr("before"));
  EXPECT_THAT(Read(path_ + ".1"), Not(HasSubstr("after")));
  EXPECT_THAT(Read(path_), HasSubstr("after"));
}

TEST_F(LogTest, UnwritablePathIsAnErrorThatNamesIt) {
  const Result<> started = StartLog({.path = folder_ + "/none/log"});
  ASSERT_FALSE(started.has_value());
  EXPECT_THAT(started.error().message, HasSubstr(folder_ + "/none/log"));
}

}  // namespace
}  // namespace sluice
