#include "support/redis_server.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace sluice::testing {
namespace {

constexpr int kStartTimeoutMs = 20'000;
constexpr int kAnswerTimeoutMs = 10'000;
constexpr int kNoProgram = 127;

int Connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return -1;
  memcpy(address.sun_path, path.c_str(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

// The first line that comes, without CRLF; what came so far if it does not end in time.
std::string Ask(int fd, const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return "";
    sent += static_cast<size_t>(n);
  }
  std::string line;
  while (true) {
    pollfd ready{fd, POLLIN, 0};
    char byte = 0;
    if (poll(&ready, 1, kAnswerTimeoutMs) != 1 || recv(fd, &byte, 1, 0) != 1) return line;
    line += byte;
    if (line.ends_with("\r\n")) return line.substr(0, line.size() - 2);
  }
}

std::string ReadFile(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

RedisServer::RedisServer(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {
  std::string folder = (std::filesystem::temp_directory_path() / "sluice-redis-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) {
    ADD_FAILURE() << "cannot make a folder like " << folder << ": " << strerror(errno);
    return;
  }
  folder_ = folder;
  socket_path_ = folder_ + "/r.sock";
  Start();
}

RedisServer::~RedisServer() {
  Kill();
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

net::Endpoint RedisServer::endpoint() const {
  return {.host = {}, .port = 0, .unix_path = socket_path_};
}

void RedisServer::Start() {
  std::vector<std::string> words = {"redis-server",
                                    "--port",
                                    "0",
                                    "--unixsocket",
                                    socket_path_,
                                    "--save",
                                    "",
                                    "--appendonly",
                                    "no",
                                    "--dir",
                                    folder_,
                                    "--logfile",
                                    folder_ + "/log",
                                    "--daemonize",
                                    "no"};
  words.insert(words.end(), arguments_.begin(), arguments_.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    execvp(argv[0], argv.data());
    _exit(kNoProgram);
  }
  if (pid_ < 0) {
    ADD_FAILURE() << "fork: " << strerror(errno);
  } else if (!WaitForAnswer()) {
    Kill();
  }
}

bool RedisServer::WaitForAnswer() {
  for (int waited_ms = 0; waited_ms < kStartTimeoutMs; ++waited_ms) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      if (WIFEXITED(status) && WEXITSTATUS(status) == kNoProgram) {
        ADD_FAILURE() << "redis-server is not installed: apt-get install redis-server";
      } else {
        ADD_FAILURE() << "redis-server ended at once:\n" << ReadFile(folder_ + "/log");
      }
      return false;
    }
    const int fd = Connect(socket_path_);
    if (fd >= 0) {
      const std::string answer = Ask(fd, "PING\r\n");
      close(fd);
      if (answer == "+PONG" || answer.starts_with("-NOAUTH")) return true;
    }
    poll(nullptr, 0, 1);
  }
  ADD_FAILURE() << "redis-server does not answer:\n" << ReadFile(folder_ + "/log");
  return false;
}

void RedisServer::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RedisServer::Freeze() {
  kill(pid_, SIGSTOP);
}

void RedisServer::Continue() {
  kill(pid_, SIGCONT);
}

std::string RedisServer::Command(const std::vector<std::string>& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  const int fd = Connect(socket_path_);
  if (fd < 0) return "";
  std::string answer = Ask(fd, bytes);
  close(fd);
  return answer;
}

}  // namespace sluice::testing
