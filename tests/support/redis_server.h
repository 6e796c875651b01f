// A real redis-server for one test: on a unix socket in a folder of its own, without files, gone
// when this object is, or when the test dies. A redis-server that is not there fails the test.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "sluice/net/address.h"

namespace sluice::testing {

class RedisServer {
 public:
  // `arguments` are added to the command line ("--requirepass", "x"). Returns when it answers.
  explicit RedisServer(std::vector<std::string> arguments = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  // False if it could not be started; the test has failed then.
  [[nodiscard]] bool running() const { return pid_ > 0; }
  [[nodiscard]] net::Endpoint endpoint() const;
  [[nodiscard]] const std::string& socket_path() const { return socket_path_; }

  void Kill();      // SIGKILL, and waits for its end
  void Start();     // again, after Kill; waits until it answers
  void Freeze();    // SIGSTOP
  void Continue();  // SIGCONT

  // Sends a command on a connection of its own and returns the first line of the answer, without
  // CRLF.
  std::string Command(const std::vector<std::string>& words);

 private:
  [[nodiscard]] bool WaitForAnswer();

  std::vector<std::string> arguments_;
  std::string folder_;
  std::string socket_path_;
  pid_t pid_ = -1;
};

}  // namespace sluice::testing
