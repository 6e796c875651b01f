// Whole runs: against the floor program, which has neither history nor replay, and against a server
// that does everything wrong.
#include "cli/bench_run.h"

#include <array>
#include <csignal>
#include <cstdio>
#include <functional>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "cli/bench_options.h"
#include "cli/bench_payload.h"
#include "sluice/base/clock.h"

namespace sluice::cli::bench {
namespace {

// A process of the test's own; it says its address on a pipe.
class ServerProcess {
 public:
  // `serve` runs in the process, and writes "listen ADDRESS" and a line end to the descriptor.
  explicit ServerProcess(const std::function<void(int)>& serve) {
    std::array<int, 2> pipe_ends{};
    if (pipe(pipe_ends.data()) != 0) return;
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      serve(pipe_ends[1]);
      _exit(1);
    }
    close(pipe_ends[1]);
    std::FILE* output = fdopen(pipe_ends[0], "r");
    std::array<char, 64> address{};
    if (std::fscanf(output, "listen %63s", address.data()) == 1) address_ = address.data();
    std::fclose(output);
  }
  ~ServerProcess() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  std::string address_;
};

void ServeFloor(int output) {
  dup2(output, STDOUT_FILENO);
  execl(SLUICE_BENCH_FLOOR, "floor", nullptr);
}

// Sends every connection events with one of each fault, then waits.
void ServeFaults(int output) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener, raw, length) != 0 || listen(listener, 16) != 0) return;
  getsockname(listener, raw, &length);
  dprintf(output, "listen 127.0.0.1:%d\n", ntohs(address.sin_port));
  for (;;) {
    const int fd = accept(listener, nullptr, nullptr);
    std::string text = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    std::string payload;
    for (const uint64_t sequence : {1U, 2U, 6U, 5U, 5U}) {
      MakePayload({sequence, MonotonicNs()}, 100, payload);
      text += "data: " + payload + "\n\n";
    }
    text += "data: torn\n\nevent: sluice.gap\ndata: {}\n\n";
    (void)send(fd, text.data(), text.size(), MSG_NOSIGNAL);
  }
}

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

  ServerProcess floor_{ServeFloor};
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

TEST_F(BenchRunTest, WhatAReconnectMissesIsLost) {
  options_.reconnect_at_ms = 200;
  options_.rate = 2'000;
  const auto report = Run();
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_TRUE(report->reconnect_ns);
  EXPECT_GT(*report->reconnect_ns, 0U);
  EXPECT_EQ(report->delivered_all + report->lost, 900U * 30U);
  EXPECT_EQ(report->duplicates, 0U);
}

TEST_F(BenchRunTest, EveryKindOfFaultIsCounted) {
  const ServerProcess faulty(ServeFaults);
  options_.url = "http://" + faulty.address() + "/";
  options_.publish = "none";
  options_.duration_ms = 100;
  const auto report = Run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->lost, 2U * 30U);
  EXPECT_EQ(report->reordered, 30U);
  EXPECT_EQ(report->duplicates, 30U);
  EXPECT_EQ(report->malformed, 30U);
  EXPECT_EQ(report->gaps, 30U);
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
  // A run takes all of its time here, and on a busy machine nobody has tried yet after a short one.
  std::string message;
  options_.connect_timeout_ms = 50;
  do {
    ASSERT_LT(options_.connect_timeout_ms, 60'000U) << message;
    const auto report = Run();
    ASSERT_FALSE(report);
    message = report.error().message;
    options_.connect_timeout_ms *= 4;
  } while (message.ends_with("timed out"));
  EXPECT_NE(message.find("0 of 30 subscribers connected: connect"), std::string::npos) << message;
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
