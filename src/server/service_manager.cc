#include "server/service_manager.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include "sluice/base/clock.h"
#include "sluice/base/log.h"

namespace sluice::server {
namespace {

constexpr timeval kSendTimeout{.tv_sec = 1, .tv_usec = 0};

std::string_view Variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  return value == nullptr ? std::string_view() : std::string_view(value);
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

// A line of the protocol ends at a line feed.
std::string OneLine(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r' || c == '\0'; }, ' ');
  return line;
}

}  // namespace

ServiceEnvironment ReadServiceEnvironment() {
  ServiceEnvironment environment{.notify_socket = std::string(Variable("NOTIFY_SOCKET"))};
  const std::string_view pid = Variable("WATCHDOG_PID");
  const auto usec = ParseNumber(Variable("WATCHDOG_USEC"));
  const bool ours = pid.empty() || ParseNumber(pid) == static_cast<uint64_t>(getpid());
  if (usec && ours) environment.watchdog_ms = *usec / 1000;
  return environment;
}

ServiceManager::ServiceManager(ServiceEnvironment environment)
    : environment_(std::move(environment)) {
  if (environment_.notify_socket.empty()) {
    environment_.watchdog_ms = 0;
    return;
  }
  if (const Result<> opened = Open(); !opened) LogWarn("{}", opened.error().message);
}

ServiceManager::~ServiceManager() {
  if (fd_ >= 0) close(fd_);
}

void ServiceManager::Ready(std::string_view status) {
  Notify("READY=1\nSTATUS=" + OneLine(status));
}

void ServiceManager::Reloading() {
  // The time is how systemd tells this reload from an earlier one (Type=notify-reload).
  Notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", MonotonicNs() / 1000));
}

void ServiceManager::Stopping(std::string_view status) {
  Notify("STOPPING=1\nSTATUS=" + OneLine(status));
}

void ServiceManager::Alive() {
  Notify("WATCHDOG=1");
}

void ServiceManager::Notify(std::string_view state) {
  if (fd_ < 0) return;
  const Result<> sent = Send(state);
  if (sent || std::exchange(warned_, true)) return;
  LogWarn("{}; the service manager may take the gateway for hung", sent.error().message);
}

Result<> ServiceManager::Open() {
  fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return FailSystem("no socket for NOTIFY_SOCKET", errno);
  // A manager that does not read must not stop the main loop for ever.
  if (setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &kSendTimeout, sizeof kSendTimeout) != 0) {
    return FailSystem("no timeout on NOTIFY_SOCKET", errno);
  }
  return {};
}

Result<> ServiceManager::Send(std::string_view state) const {
  const std::string& name = environment_.notify_socket;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if ((name[0] != '/' && name[0] != '@') || name.size() < 2 ||
      name.size() >= sizeof address.sun_path) {
    return Fail(Errc::kInvalid,
                fmt::format("NOTIFY_SOCKET={} is neither /PATH nor @NAME of a unix socket", name));
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name[0] == '@') address.sun_path[0] = '\0';
  // The length counts: an abstract name is all the bytes that it covers.
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  ssize_t n = 0;
  do {
    n = sendto(fd_, state.data(), state.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), length);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return FailSystem("cannot write to NOTIFY_SOCKET " + name, errno);
  return {};
}

}  // namespace sluice::server
