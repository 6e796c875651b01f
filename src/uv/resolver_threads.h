// Threads that ask the system's resolver, which blocks for as long as its name servers say nothing:
// some seconds, or a minute. There is no calling it back, so the process does not wait for them at
// its end, and whoever has asked may leave. (libuv's own pool is waited for, and asks for two names
// at a time.) A name that several ask for is asked for once, so that one without an answer takes
// one thread however many workers want it. Any thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sluice/base/result.h"
#include "sluice/event/loop.h"
#include "uv/socket.h"

namespace sluice::uv {

using Addresses = std::vector<SocketAddress>;

// Shared by whoever asks and the thread that finds out.
class Question {
 public:
  // `answered` is woken once, unless the question is abandoned before.
  Question(std::string host, uint16_t port, event::Waker& answered)
      : host_(std::move(host)), port_(port), answered_(&answered) {}
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  [[nodiscard]] const std::string& host() const { return host_; }
  // Nobody waits for the answer any more: the waker may go.
  void Abandon();
  // Once, when the waker has been woken: one address at least, with the port, or why there is none.
  [[nodiscard]] Result<Addresses> TakeAnswer();
  // Once: the addresses of the host, whatever their ports.
  void Answer(Result<Addresses> found);

 private:
  const std::string host_;
  const uint16_t port_;
  std::mutex mutex_;
  event::Waker* answered_;  // null: abandoned
  std::optional<Result<Addresses>> answer_;
};

class ResolverThreads {
 public:
  // At a time. What is asked beyond that waits for its turn.
  static constexpr size_t kMaxThreads = 32;

  // Those of the process.
  [[nodiscard]] static ResolverThreads& Get();

  void Add(const std::shared_ptr<Question>& question);
  // If it is not answered yet.
  void Remove(const std::shared_ptr<Question>& question);

 private:
  using Questions = std::vector<std::shared_ptr<Question>>;

  ResolverThreads() = default;
  static void* Run(void* threads);
  [[noreturn]] void Work();
  // REQUIRES: mutex_ is held.
  [[nodiscard]] bool StartThread();

  std::mutex mutex_;
  std::condition_variable added_;
  // By their host, which stays until its thread has the answer, also when nobody waits for that any
  // more.
  std::unordered_map<std::string, Questions> questions_;
  std::deque<std::string> waiting_;  // the hosts that no thread has taken yet
  size_t threads_ = 0;
  size_t idle_ = 0;
};

}  // namespace sluice::uv
