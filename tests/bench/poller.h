// epoll with a clock of nanoseconds, for the origin and the load generator of `scripts/bench
// proxy`.
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <span>

#include <sys/epoll.h>

namespace sluice::bench {

constexpr uint64_t kSecond = 1'000'000'000;

[[noreturn]] inline void Die(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

inline uint64_t NowNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

class Poller {
 public:
  Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

  void Add(int fd, uint32_t events, void* owner) { Control(EPOLL_CTL_ADD, fd, events, owner); }
  void Change(int fd, uint32_t events, void* owner) { Control(EPOLL_CTL_MOD, fd, events, owner); }

  // What is ready; waits until `until_ns` at most.
  std::span<epoll_event> Wait(uint64_t until_ns) {
    const uint64_t now = NowNs();
    const uint64_t left = until_ns > now ? until_ns - now : 0;
    const timespec timeout{.tv_sec = static_cast<time_t>(left / kSecond),
                           .tv_nsec = static_cast<long>(left % kSecond)};
    const int count =
        epoll_pwait2(epoll_, ready_.data(), static_cast<int>(ready_.size()), &timeout, nullptr);
    if (count < 0 && errno != EINTR) Die("epoll_pwait2");
    return std::span(ready_).first(count < 0 ? 0 : static_cast<size_t>(count));
  }

 private:
  void Control(int operation, int fd, uint32_t events, void* owner) const {
    epoll_event event{};
    event.events = events;
    event.data.ptr = owner;
    if (epoll_ctl(epoll_, operation, fd, &event) != 0) Die("epoll_ctl");
  }

  int epoll_;
  std::array<epoll_event, 512> ready_{};
};

}  // namespace sluice::bench
