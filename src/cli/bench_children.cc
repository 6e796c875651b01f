#include "cli/bench_children.h"

#include <cerrno>
#include <csignal>
#include <cstdio>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sluice::cli::bench {

Children::~Children() {
  for (const pid_t pid : pids_) (void)kill(pid, SIGKILL);
  for (const pid_t pid : pids_) (void)waitpid(pid, nullptr, 0);
}

Result<> Children::Start(const std::function<void()>& body) {
  // Buffered output would be written by both.
  (void)std::fflush(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return FailSystem("fork", errno);
  if (pid == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent) body();
    _exit(0);
  }
  pids_.push_back(pid);
  return {};
}

bool Children::AllAlive() const {
  for (const pid_t pid : pids_) {
    siginfo_t ended{};
    if (waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        ended.si_pid == pid) {
      return false;
    }
  }
  return true;
}

}  // namespace sluice::cli::bench
