// Whole runs against the floor program: a server that has neither history nor replay, so that a
// reconnect must lose events and the generator must see it.
#include "cli/bench_run.h"

#include <array>
#include <cstdio>
#include <string>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "cli/bench_options.h"

namespace sluice::cli::bench {
namespace {

class FloorProcess {
 public:
  FloorProcess() {
    std::array<int, 2> pipe_ends{};
    if (pipe(pipe_ends.data()) != 0) return;
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      dup2(pipe_ends[1], STDOUT_FILENO);
      execl(SLUICE_BENCH_FLOOR, "floor", nullptr);
      _exit(1);
    }
    close(pipe_ends[1]);
    std::FILE* output = fdopen(pipe_ends[0], "r");
    std::array<char, 64> address{};
    if (std::fscanf(output, "listen %63s", address.data()) == 1) address_ = address.data();
    std::fclose(output);
  }
  ~FloorProcess() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  FloorProcess(const FloorProcess&) = delete;
  FloorProcess& operator=(const FloorProcess&) = delete;

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  std::string address_;
};

class BenchRunTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_FALSE(floor_.address().empty());
    options_.url = "http://" + floor_.address() + "/events/news";
    options_.publish = "http://" + floor_.address() + "/publish";
    options_.subscribers = 30;
    options_.ramp_per_second = 0;
    options_.settle_ms = 0;
    options_.rate = 100;
    options_.warmup_ms = 50;
    options_.duration_ms = 400;
    options_.drain_ms = 5'000;
    options_.quiet = true;
  }

  Result<BenchReport> Run() {
    const auto plan = MakePlan(options_);
    if (!plan) return tl::unexpected(plan.error());
    return RunBench(*plan);
  }

  FloorProcess floor_;
  BenchOptions options_;
};

TEST_F(BenchRunTest, EveryEventReachesEverySubscriber) {
  options_.pids = {floor_.pid()};
  const auto report = Run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->events, 40U);
  EXPECT_EQ(report->delivered, 40U * 30U);
  EXPECT_EQ(report->latency.count(), 40U * 30U);
  EXPECT_EQ(report->last_subscriber.count(), 40U);
  EXPECT_EQ(report->lateness.count(), 45U);
  EXPECT_TRUE(report->complete());
  ASSERT_TRUE(report->server);
  EXPECT_GT(report->server->cpu_ns, 0U);
  EXPECT_NE(ToJson(*report).find("\"deliveries\": 1200"), std::string::npos);
  EXPECT_NE(ToText(*report).find("delivered         1200 of 1200"), std::string::npos);
}

TEST_F(BenchRunTest, ReconnectWithoutReplayIsSeenAsALoss) {
  options_.reconnect_at_ms = 200;
  options_.rate = 2'000;
  const auto report = Run();
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_TRUE(report->reconnect_ns);
  EXPECT_GT(*report->reconnect_ns, 0U);
  EXPECT_GT(report->lost, 0U);
  EXPECT_FALSE(report->complete());
}

TEST_F(BenchRunTest, StoppedSubscribersAreNotCounted) {
  options_.subscribers = 40;
  options_.stopped_share = 0.1;
  const auto report = Run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->stopped, 4U);
  EXPECT_EQ(report->delivered, 40U * 36U);
  EXPECT_EQ(report->lost, 0U);
}

TEST_F(BenchRunTest, MemoryIsMeasuredInSteps) {
  options_.pids = {floor_.pid()};
  options_.memory = true;
  const auto report = Run();
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_TRUE(report->memory);
  ASSERT_EQ(report->memory->points.size(), 5U);
  EXPECT_EQ(report->memory->points.back().subscribers, 30U);
  EXPECT_GT(report->memory->points.back().use.pss, 0U);
}

TEST_F(BenchRunTest, RefusedConnectionsAreAnErrorThatSaysWhy) {
  options_.url = "http://127.0.0.1:1/";
  options_.connect_timeout_ms = 50;
  const auto report = Run();
  ASSERT_FALSE(report);
  EXPECT_NE(report.error().message.find("0 of 30 subscribers connected: connect"),
            std::string::npos)
      << report.error().message;
}

TEST_F(BenchRunTest, UnknownProcessIsAnError) {
  options_.pids = {999'999'999};
  const auto report = Run();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().message, "--pid 999999999: no such process");
}

TEST(BenchReportTest, MemorySlopeIsTheLeastSquaresLine) {
  MemoryResult memory;
  for (const uint64_t count : {0U, 100U, 200U})
    memory.points.push_back({count, {5000 + 300 * count, 0}});
  EXPECT_DOUBLE_EQ(memory.PssSlope(), 300.0);
  EXPECT_DOUBLE_EQ(memory.AnonymousSlope(), 0.0);
  memory.waiting = {{200, {0, 1000}}, {200, {0, 900}}};
  EXPECT_EQ(memory.Growth(), -100);
}

TEST(BenchPlanTest, RefusesWhatCannotWork) {
  BenchOptions options;
  options.url = "http://127.0.0.1:1/";
  options.memory = true;
  EXPECT_FALSE(MakePlan(options));
  options.memory = false;
  options.publish = "unix:/r.sock";
  EXPECT_FALSE(MakePlan(options));
  options.channel = "news";
  options.reconnect_at_ms = options.duration_ms;
  EXPECT_FALSE(MakePlan(options));
  options.reconnect_at_ms = 0;
  options.rate = 1e9;
  EXPECT_FALSE(MakePlan(options));
  options.rate = 5;
  EXPECT_TRUE(MakePlan(options));
}

}  // namespace
}  // namespace sluice::cli::bench
