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
namespace {

// Blocks until the resolver has answered. The port of what it gives is 0.
Result<Addresses> Resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (status != 0) {
    const char* why = status == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(status);
    return Fail(Errc::kNotFound, "cannot resolve " + host + ": " + why);
  }
  const std::unique_ptr<addrinfo, Freed<freeaddrinfo>> list(found);
  Addresses addresses;
  for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    SocketAddress address;
    memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.size = entry->ai_addrlen;
    addresses.push_back(address);
  }
  if (addresses.empty()) {
    return Fail(Errc::kNotFound, "cannot resolve " + host + ": it has no address");
  }
  return addresses;
}

void SetPort(SocketAddress& address, uint16_t port) {
  const size_t at = address.storage.ss_family == AF_INET ? offsetof(sockaddr_in, sin_port)
                                                         : offsetof(sockaddr_in6, sin6_port);
  const uint16_t ordered = htons(port);
  memcpy(reinterpret_cast<char*>(&address.storage) + at, &ordered, sizeof ordered);
}

}  // namespace

// --- one question ---

void Question::Abandon() {
  const std::lock_guard lock(mutex_);
  answered_ = nullptr;
}

Result<Addresses> Question::TakeAnswer() {
  const std::lock_guard lock(mutex_);
  return *std::exchange(answer_, std::nullopt);
}

void Question::Answer(Result<Addresses> found) {
  const std::lock_guard lock(mutex_);
  if (answered_ == nullptr) return;
  if (found) {
    for (SocketAddress& address : *found) SetPort(address, port_);
  }
  answer_ = std::move(found);
  answered_->Wake();
}

// --- the threads ---

ResolverThreads& ResolverThreads::Get() {
  // Never destroyed: its threads may still be there when the process ends.
  static auto& threads = *new ResolverThreads;
  return threads;
}

void ResolverThreads::Add(const std::shared_ptr<Question>& question) {
  const std::string& host = question->host();
  const std::lock_guard lock(mutex_);
  if (const auto asked = questions_.find(host); asked != questions_.end()) {
    asked->second.push_back(question);
    return;
  }
  if (waiting_.size() >= idle_ && threads_ < kMaxThreads && !StartThread() && threads_ == 0) {
    question->Answer(Fail(Errc::kLimit, "cannot start a thread that resolves names"));
    return;
  }
  questions_.emplace(host, Questions{question});
  waiting_.push_back(host);
  added_.notify_one();
}

void ResolverThreads::Remove(const std::shared_ptr<Question>& question) {
  const std::string& host = question->host();
  const std::lock_guard lock(mutex_);
  const auto asked = questions_.find(host);
  if (asked == questions_.end()) return;
  std::erase(asked->second, question);
  if (asked->second.empty() && std::erase(waiting_, host) != 0) questions_.erase(asked);
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
    const std::string host = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    const Result<Addresses> found = Resolve(host);
    lock.lock();
    const Questions answered = std::move(questions_.extract(host).mapped());
    lock.unlock();
    for (const std::shared_ptr<Question>& question : answered) question->Answer(found);
    lock.lock();
  }
}

}  // namespace sluice::uv
