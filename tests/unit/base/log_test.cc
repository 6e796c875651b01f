#include "sluice/base/log.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
    access_ = folder_ + "/access";
  }
  void TearDown() override {
    StopLog();
    SetLogLevel(LogLevel::kInfo);
    unlink(path_.c_str());
    unlink((path_ + ".1").c_str());
    unlink(access_.c_str());
    unlink((access_ + ".1").c_str());
    rmdir(folder_.c_str());
  }
  static std::string Read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  static bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

  std::string folder_;
  std::string path_;
  std::string access_;
};

// Waits for what another thread does. A test that waits in vain fails, and says for what.
template <class Condition>
[[nodiscard]] ::testing::AssertionResult Comes(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return ::testing::AssertionFailure() << "not within 30 s";
    }
    std::this_thread::yield();
  }
  return ::testing::AssertionSuccess();
}

uint64_t LossesOf(LogKind kind) {
  const LogLosses losses = GetLogLosses(kind);
  return losses.overflowed + losses.unwritten;
}

// A pipe that nobody reads until it is told to. A log opens it by its path, as it would a FIFO.
class StuckPipe {
 public:
  StuckPipe() { EXPECT_EQ(pipe2(ends_, O_NONBLOCK), 0); }
  StuckPipe(const StuckPipe&) = delete;
  StuckPipe& operator=(const StuckPipe&) = delete;
  ~StuckPipe() {
    close(ends_[0]);
    close(ends_[1]);
  }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(ends_[1]); }
  // What has come so far.
  const std::string& Read() {
    char bytes[4096];
    for (ssize_t n = 0; (n = read(ends_[0], bytes, sizeof bytes)) > 0;) {
      read_.append(bytes, static_cast<size_t>(n));
    }
    return read_;
  }

 private:
  int ends_[2] = {-1, -1};
  std::string read_;
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
  ASSERT_TRUE(Comes([] { return LossesOf(LogKind::kError) >= 100; }));
  EXPECT_EQ(LossesOf(LogKind::kError), 100U);
  EXPECT_EQ(LossesOf(LogKind::kAccess), 0U);
}

TEST_F(LogTest, FullQueueDropsNewLinesAndCountsThem) {
  StuckPipe pipe;
  ASSERT_TRUE(StartLog({.path = pipe.path(), .queue_lines = 16}).has_value());
  const std::string long_line(4000, 'x');
  for (int i = 0; i < 200; ++i) LogInfo("{} line {} ends", long_line, i);
  EXPECT_GE(GetLogLosses(LogKind::kError).overflowed, 150U) << "64 KiB and the queue are full";
  EXPECT_LT(GetLogLosses(LogKind::kError).overflowed, 200U);
  ASSERT_TRUE(Comes([&] {
    LogInfo("goes on");
    return pipe.Read().find("goes on") != std::string::npos;
  }));
  EXPECT_THAT(pipe.Read(), HasSubstr("line 0 ends"));
  EXPECT_THAT(pipe.Read(), Not(HasSubstr("line 199 ends")));
}

TEST_F(LogTest, QueueIsBoundedInBytesToo) {
  StuckPipe pipe;
  ASSERT_TRUE(
      StartLog({.path = pipe.path(), .queue_lines = 8192, .queue_bytes = 100'000}).has_value());
  const std::string long_line(10'000, 'x');
  for (int i = 0; i < 200; ++i) LogInfo("{}", long_line);
  EXPECT_GE(GetLogLosses(LogKind::kError).overflowed, 180U);
}

TEST_F(LogTest, StopDoesNotWaitForADestinationThatTakesNothing) {
  StuckPipe pipe;
  ASSERT_TRUE(StartLog({.path = path_, .access_path = pipe.path()}).has_value());
  for (int i = 0; i < 1000; ++i) LogAccess(std::string(1000, 'x'));
  LogInfo("the other log is written");
  StopLog();  // the test would hang here
  EXPECT_THAT(Read(path_), HasSubstr("the other log is written\n"));
}

TEST_F(LogTest, StandardOutputThatNobodyReadsIsAsHarmless) {
  // Unlike a path that is opened here, it may not be made non-blocking: others write to it too.
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const int saved = dup(STDOUT_FILENO);
  ASSERT_EQ(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
  ASSERT_TRUE(StartLog({.path = path_, .access_path = "stdout"}).has_value());
  for (int i = 0; i < 1000; ++i) LogAccess(std::string(1000, 'x'));
  const int flags = fcntl(ends[1], F_GETFL);
  StopLog();  // the test would hang here
  dup2(saved, STDOUT_FILENO);
  for (const int fd : {saved, ends[0], ends[1]}) close(fd);
  EXPECT_EQ(flags & O_NONBLOCK, 0);
}

TEST_F(LogTest, AccessLinesAreWrittenAsTheyAre) {
  ASSERT_TRUE(
      StartLog({.level = LogLevel::kOff, .path = path_, .access_path = access_}).has_value());
  LogAccess("{\"status\":200}");
  LogError("nobody asked");
  LogAccess("second");
  StopLog();
  EXPECT_EQ(Read(access_), "{\"status\":200}\nsecond\n");
  EXPECT_EQ(Read(path_), "");
}

TEST_F(LogTest, WithoutAnAccessLogItsLinesGoNowhere) {
  LogAccess("before the start");
  ASSERT_TRUE(StartLog({.path = path_}).has_value());
  LogAccess("not wanted");
  StopLog();
  EXPECT_EQ(Read(path_), "");
  EXPECT_EQ(LossesOf(LogKind::kAccess), 0U);
}

TEST_F(LogTest, StuckAccessLogLosesItsOwnLinesOnly) {
  StuckPipe pipe;
  ASSERT_TRUE(StartLog({.path = path_, .access_path = pipe.path(), .queue_lines = 64}).has_value());
  for (int i = 0; i < 1000; ++i) LogAccess(std::string(1000, 'x'));
  LogInfo("delivered");
  ASSERT_TRUE(Comes([&] { return Read(path_).find("delivered") != std::string::npos; }));
  EXPECT_GT(LossesOf(LogKind::kAccess), 800U);
  EXPECT_EQ(LossesOf(LogKind::kError), 0U);
}

TEST_F(LogTest, TwoLogsInOnePipeDoNotTearEachOthersLines) {
  StuckPipe pipe;
  ASSERT_TRUE(StartLog({.path = pipe.path(), .access_path = pipe.path()}).has_value());
  // Longer than what a pipe takes at once.
  for (int i = 0; i < 50; ++i) {
    LogAccess("a" + std::string(9'000, 'a') + "a");
    LogInfo("{}", std::string(9'000, 'e'));
  }
  LogInfo("the end");
  ASSERT_TRUE(Comes([&] { return pipe.Read().find("the end\n") != std::string::npos; }));
  std::istringstream lines(pipe.Read());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const bool access = line == std::string(9'002, 'a');
    const bool error = line.ends_with(" info  " + std::string(9'000, 'e')) && line.size() == 9'031;
    EXPECT_TRUE(access || error || line.ends_with("the end")) << line.substr(0, 60);
  }
  EXPECT_EQ(count, 101);
}

TEST_F(LogTest, ReopenFollowsARotatedFile) {
  ASSERT_TRUE(StartLog({.path = path_}).has_value());
  LogInfo("before");
  ASSERT_TRUE(Comes([&] { return Read(path_).find("before") != std::string::npos; }));
  ASSERT_EQ(rename(path_.c_str(), (path_ + ".1").c_str()), 0);
  ReopenLog();
  LogInfo("after");
  StopLog();
  EXPECT_THAT(Read(path_ + ".1"), HasSubstr("before"));
  EXPECT_THAT(Read(path_ + ".1"), Not(HasSubstr("after")));
  EXPECT_THAT(Read(path_), HasSubstr("after"));
}

TEST_F(LogTest, ReopenMakesBothFilesAnewThoughNothingIsLogged) {
  ASSERT_TRUE(
      StartLog({.level = LogLevel::kOff, .path = path_, .access_path = access_}).has_value());
  LogAccess("before");
  ASSERT_EQ(rename(path_.c_str(), (path_ + ".1").c_str()), 0);
  ASSERT_EQ(rename(access_.c_str(), (access_ + ".1").c_str()), 0);
  ReopenLog();
  ASSERT_TRUE(Comes([&] { return Exists(path_) && Exists(access_); }));
  LogAccess("after");
  StopLog();
  EXPECT_EQ(Read(access_ + ".1"), "before\n");
  EXPECT_EQ(Read(access_), "after\n");
}

TEST_F(LogTest, ReopenLeavesAStuckDestination) {
  ASSERT_EQ(mkfifo(access_.c_str(), 0600), 0);
  const int reader = open(access_.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  ASSERT_TRUE(StartLog({.path = path_, .access_path = access_}).has_value());
  for (int i = 0; i < 1000; ++i) LogAccess(std::string(1000, 'x'));
  ASSERT_EQ(unlink(access_.c_str()), 0);
  ReopenLog();
  ASSERT_TRUE(Comes([&] { return Exists(access_); }));
  LogAccess("after");
  StopLog();
  EXPECT_EQ(Read(access_), "after\n");
  close(reader);
}

TEST_F(LogTest, FileThatCannotBeReopenedIsNamedAndTheOldOneGoesOn) {
  ASSERT_TRUE(StartLog({.path = path_, .access_path = access_}).has_value());
  ASSERT_EQ(rename(access_.c_str(), (access_ + ".1").c_str()), 0);
  ASSERT_EQ(mkdir(access_.c_str(), 0700), 0);
  ReopenLog();
  LogAccess("after");
  ASSERT_TRUE(Comes([&] { return Read(path_).find(access_) != std::string::npos; }));
  StopLog();
  EXPECT_EQ(rmdir(access_.c_str()), 0);
  EXPECT_EQ(Read(access_ + ".1"), "after\n");
}

TEST_F(LogTest, FifoWithoutAReaderIsAnErrorAtTheStart) {
  ASSERT_EQ(mkfifo(access_.c_str(), 0600), 0);
  const Result<> started = StartLog({.path = path_, .access_path = access_});
  ASSERT_FALSE(started.has_value());
  EXPECT_THAT(started.error().message, HasSubstr(access_));
  EXPECT_THAT(started.error().message, HasSubstr("reader"));
}

TEST_F(LogTest, UnwritablePathIsAnErrorThatNamesIt) {
  const Result<> started = StartLog({.path = folder_ + "/none/log"});
  ASSERT_FALSE(started.has_value());
  EXPECT_THAT(started.error().message, HasSubstr(folder_ + "/none/log"));
}

}  // namespace
}  // namespace sluice
