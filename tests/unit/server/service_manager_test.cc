#include "server/service_manager.h"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/watchdog.h"
#include "support/fake_loop.h"

namespace sluice::server {
namespace {

// The manager's end: a datagram socket under a path or, for "@name", an abstract name.
class NotifySocket {
 public:
  explicit NotifySocket(std::string name)
      : name_(std::move(name)), fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name_.data(), name_.size());
    if (name_[0] == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), length), 0) << name_;
  }
  ~NotifySocket() {
    close(fd_);
    if (name_[0] == '/') unlink(name_.c_str());
  }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  // The next datagram; "" if there is none.
  std::string Take() {
    char bytes[512];
    const ssize_t n = recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
    return n < 0 ? std::string() : std::string(bytes, static_cast<size_t>(n));
  }

  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_;
  int fd_;
};

class ServiceManagerTest : public ::testing::Test {
 protected:
  ServiceManagerTest() : folder_(fmt::format("/tmp/sluice-notify-{}", getpid())) {
    std::filesystem::create_directory(folder_);
  }
  ~ServiceManagerTest() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
    std::filesystem::remove_all(folder_);
  }

  std::string folder_;
};

TEST_F(ServiceManagerTest, StatesGoToASocketWithAPath) {
  NotifySocket socket(folder_ + "/notify");
  ServiceManager manager({.notify_socket = socket.name()});
  manager.Ready("serving on 127.0.0.1:8080");
  manager.Stopping("draining");
  EXPECT_EQ(socket.Take(), "READY=1\nSTATUS=serving on 127.0.0.1:8080");
  EXPECT_EQ(socket.Take(), "STOPPING=1\nSTATUS=draining");
}

TEST_F(ServiceManagerTest, StatesGoToASocketInTheAbstractNamespace) {
  NotifySocket socket(fmt::format("@sluice-notify-{}", getpid()));
  ServiceManager manager({.notify_socket = socket.name()});
  manager.Alive();
  EXPECT_EQ(socket.Take(), "WATCHDOG=1");
}

TEST_F(ServiceManagerTest, AStatusCannotForgeAState) {
  NotifySocket socket(folder_ + "/notify");
  ServiceManager manager({.notify_socket = socket.name()});
  manager.Ready("a\nMAINPID=1\r\n");
  EXPECT_EQ(socket.Take(), "READY=1\nSTATUS=a MAINPID=1  ");
}

TEST_F(ServiceManagerTest, WithoutAManagerNothingHappens) {
  ServiceManager manager({.notify_socket = "", .watchdog_ms = 1000});
  manager.Ready("x");
  EXPECT_EQ(manager.watchdog_ms(), 0U);
}

TEST_F(ServiceManagerTest, SocketsThatCannotBeReachedAreWarnedOfOnce) {
  for (const std::string& name : {folder_ + "/absent", std::string("relative"), std::string("@"),
                                  std::string("vsock:2:1"), "/" + std::string(200, 'x')}) {
    ServiceManager manager({.notify_socket = name});
    ::testing::internal::CaptureStderr();
    manager.Ready("x");
    manager.Alive();
    const std::string log = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(log.find("NOTIFY_SOCKET"), std::string::npos) << name;
    EXPECT_EQ(log.find('\n'), log.size() - 1) << log;
  }
}

TEST_F(ServiceManagerTest, AManagerThatDoesNotReadIsGivenUpOn) {
  NotifySocket socket(folder_ + "/notify");
  ServiceManager manager({.notify_socket = socket.name()});
  ::testing::internal::CaptureStderr();
  // More than fits into the socket's queue (net.unix.max_dgram_qlen, 10 by default; 512 at most on
  // the systems that systemd tunes). The first that does not fit waits for the timeout.
  std::string log;
  for (int i = 0; i < 600 && log.empty(); ++i) {
    manager.Alive();
    log = ::testing::internal::GetCapturedStderr();
    ::testing::internal::CaptureStderr();
  }
  ::testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("cannot write to NOTIFY_SOCKET"), std::string::npos) << log;
}

TEST_F(ServiceManagerTest, TheEnvironmentSaysWhatTheManagerWants) {
  EXPECT_EQ(ReadServiceEnvironment().notify_socket, "");
  setenv("NOTIFY_SOCKET", "/run/systemd/notify", 1);
  setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(ReadServiceEnvironment().notify_socket, "/run/systemd/notify");
  EXPECT_EQ(ReadServiceEnvironment().watchdog_ms, 30'000U);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  EXPECT_EQ(ReadServiceEnvironment().watchdog_ms, 30'000U);
  setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(ReadServiceEnvironment().watchdog_ms, 0U) << "meant for another process";
  unsetenv("WATCHDOG_PID");
  for (const char* malformed : {"", "-1", "10s", "99999999999999999999999"}) {
    setenv("WATCHDOG_USEC", malformed, 1);
    EXPECT_EQ(ReadServiceEnvironment().watchdog_ms, 0U) << malformed;
  }
}

class WatchdogTest : public ServiceManagerTest {
 protected:
  std::string Round() {
    loop_.Advance(250);
    return socket_.Take();
  }
  void Answer() {
    for (const auto& task : std::exchange(asked_, {})) task();
  }

  testing::FakeLoop loop_;
  NotifySocket socket_{folder_ + "/notify"};
  ServiceManager manager_{{.notify_socket = socket_.name(), .watchdog_ms = 1000}};
  std::vector<std::function<void()>> asked_;
};

TEST_F(WatchdogTest, SpeaksOnlyWhileEveryLoopAnswers) {
  Watchdog watchdog(loop_, manager_);
  watchdog.Watch("prompt", [](auto task) { task(); });
  watchdog.Watch("worker", [this](auto task) { asked_.push_back(std::move(task)); });
  watchdog.Start();
  loop_.Turn();
  EXPECT_EQ(socket_.Take(), "WATCHDOG=1");
  Answer();
  EXPECT_EQ(Round(), "WATCHDOG=1");
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(Round(), "");
  EXPECT_EQ(Round(), "");
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("watchdog: worker has not answered"), std::string::npos) << log;
  EXPECT_EQ(log.find('\n'), log.size() - 1) << "one line, not one a round";
  EXPECT_EQ(asked_.size(), 1U) << "a loop that does not answer is not asked again";
  Answer();
  EXPECT_EQ(Round(), "WATCHDOG=1");
}

TEST_F(WatchdogTest, IsSilentWhereNoneIsWanted) {
  ServiceManager manager({.notify_socket = socket_.name()});
  Watchdog watchdog(loop_, manager);
  watchdog.Start();
  EXPECT_EQ(Round(), "");
  EXPECT_EQ(loop_.running_timers(), 0U);
}

TEST_F(WatchdogTest, AnswersMayComeAfterItsEnd) {
  {
    Watchdog watchdog(loop_, manager_);
    watchdog.Watch("worker", [this](auto task) { asked_.push_back(std::move(task)); });
    watchdog.Start();
    loop_.Turn();
  }
  ASSERT_EQ(asked_.size(), 1U);
  Answer();
  EXPECT_EQ(Round(), "WATCHDOG=1");  // the one of the first round
  EXPECT_EQ(Round(), "");
}

}  // namespace
}  // namespace sluice::server
