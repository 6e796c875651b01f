#include "uv/resolver_threads.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>

#include <pthread.h>

#include "sluice/base/freed.h"

namespace sluice::uv {

// --- one question ---

void Question::Abandon() {
  const std::lock_guard lock(mutex_);
  answered_ = nullptr;
}

Result<std::vector<SocketAddress>> Question::TakeAnswer() {
  const std::lock_guard lock(mutex_);
  return *std::exchange(answer_, std::nullopt);
}

void Question::Ask() {
  Answer(Resolve());
}

void Question::Answer(Result<std::vector<SocketAddress>> answer) {
  const std::lock_guard lock(mutex_);
  if (answered_ == nullptr) return;
  answer_ = std::move(answer);
  answered_->Wake();
}

Result<std::vector<SocketAddress>> Question::Resolve() const {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = getaddrinfo(host_.c_str(), nullptr, &hints, &found);
  if (status != 0) {
    const char* why = status == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(status);
    return Fail(Errc::kNotFound, "cannot resolve " + host_ + ": " + why);
  }
  const std::unique_ptr<addrinfo, Freed<freeaddrinfo>> list(found);
  std::vector<SocketAddress> addresses;
  const uint16_t port = htons(port_);
  for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    size_t port_at = 0;
    if (entry->ai_family == AF_INET) {
      port_at = offsetof(sockaddr_in, sin_port);
    } else if (entry->ai_family == AF_INET6) {
      port_at = offsetof(sockaddr_in6, sin6_port);
    } else {
      continue;
    }
    SocketAddress address;
    memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.size = entry->ai_addrlen;
    memcpy(reinterpret_cast<char*>(&address.storage) + port_at, &port, sizeof port);
    addresses.push_back(address);
  }
  if (addresses.empty()) {
    return Fail(Errc::kNotFound, "cannot resolve " + host_ + ": it has no address");
  }
  return addresses;
}

// --- the threads ---

ResolverThreads& ResolverThreads::Get() {
  // Never destroyed: its threads may still be there when the process ends.
  static auto& threads = *new ResolverThreads;
  return threads;
}

void ResolverThreads::Add(const std::shared_ptr<Question>& question) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= idle_ && threads_ < kMaxThreads && !StartThread() && threads_ == 0) {
    question->Answer(Fail(Errc::kLimit, "cannot start a thread that resolves names"));
    return;
  }
  waiting_.push_back(question);
  added_.notify_one();
}

void ResolverThreads::Remove(const std::shared_ptr<Question>& question) {
  const std::lock_guard lock(mutex_);
  std::erase(waiting_, question);
}

bool ResolverThreads::StartThread() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  // It inherits the mask: signals are for others.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const bool started = pthread_create(&thread, &attributes, &ResolverThreads::Run, this) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (started) ++threads_;
  return started;
}

void* ResolverThreads::Run(void* threads) {
  pthread_setname_np(pthread_self(), "sluice-resolver");
  static_cast<ResolverThreads*>(threads)->Work();
}

void ResolverThreads::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    added_.wait(lock, [this] { return !waiting_.empty(); });
    --idle_;
    std::shared_ptr<Question> question = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    question->Ask();
    question.reset();
    lock.lock();
  }
}

}  // namespace sluice::uv
