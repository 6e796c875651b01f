// Threads that ask the system's resolver, which blocks for as long as its name servers say nothing:
// some seconds, or a minute. There is no calling it back, so the process does not wait for them at
// its end, and whoever has asked may leave. (libuv's own pool is waited for, and asks for two names
// at a time.) Any thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sluice/base/result.h"
#include "sluice/event/loop.h"
#include "uv/socket.h"

namespace sluice::uv {

// Shared by whoever asks and the thread that finds out.
class Question {
 public:
  // `answered` is woken once, unless the question is abandoned before.
  Question(std::string host, uint16_t port, event::Waker& answered)
      : host_(std::move(host)), port_(port), answered_(&answered) {}
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  // Nobody waits for the answer any more: the waker may go.
  void Abandon();
  // Once, when the waker has been woken: one address at least, or why there is none.
  [[nodiscard]] Result<std::vector<SocketAddress>> TakeAnswer();

  // Blocks until the resolver has answered.
  void Ask();
  void Answer(Result<std::vector<SocketAddress>> answer);

 private:
  [[nodiscard]] Result<std::vector<SocketAddress>> Resolve() const;

  const std::string host_;
  const uint16_t port_;
  std::mutex mutex_;
  event::Waker* answered_;  // null: abandoned
  std::optional<Result<std::vector<SocketAddress>>> answer_;
};

class ResolverThreads {
 public:
  // At a time. What is asked beyond that waits for its turn.
  static constexpr size_t kMaxThreads = 32;

  // Those of the process.
  [[nodiscard]] static ResolverThreads& Get();

  void Add(const std::shared_ptr<Question>& question);
  // If no thread has taken it yet.
  void Remove(const std::shared_ptr<Question>& question);

 private:
  ResolverThreads() = default;
  static void* Run(void* threads);
  [[noreturn]] void Work();
  // REQUIRES: mutex_ is held.
  [[nodiscard]] bool StartThread();

  std::mutex mutex_;
  std::condition_variable added_;
  std::deque<std::shared_ptr<Question>> waiting_;
  size_t threads_ = 0;
  size_t idle_ = 0;
};

}  // namespace sluice::uv
