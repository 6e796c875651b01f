// Requests over kept connections: each sends its next one as soon as it has an answer, or all of
// them together follow a schedule that does not wait for the server. A latency begins when the
// request was due, so that a server that stalls pays for all that it kept waiting.
#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <memory>
#include <random>
#include <vector>

#include <sys/socket.h>

#include "bench/load.h"
#include "bench/load_answer.h"
#include "bench/poller.h"

namespace sluice::bench {
namespace {

struct Client {
  Fd fd;
  Answer answer;
  uint64_t due_ns = 0;
};

class Requests {
 public:
  explicit Requests(const LoadOptions& options)
      : options_(options), request_(RequestFor(options.body_bytes)), window_(options) {}

  nlohmann::json Run() {
    for (uint32_t n = 0; n < options_.connections; ++n) {
      clients_.push_back(std::make_unique<Client>(Client{{}, NewAnswer()}));
      Connect(*clients_.back());
    }
    Drive();
    nlohmann::json report = {{"requests", measured_}, {"faults", faults_.ToJson()}};
    window_.Report(measured_, report);
    report["latency_us"] = ToJson(*latency_);
    return report;
  }

 private:
  [[nodiscard]] bool open_loop() const { return options_.rate > 0; }
  [[nodiscard]] Answer NewAnswer() const { return {pattern_, options_.body_bytes}; }

  void Connect(Client& client) {
    client.fd = ConnectTo(options_);
    client.answer = NewAnswer();
    // The first event is that it is connected.
    poller_.Add(client.fd.get(), EPOLLOUT, &client);
  }

  void Drive() {
    const uint64_t begun = NowNs();
    const auto after = [begun](double seconds) {
      return begun + static_cast<uint64_t>(seconds * static_cast<double>(kSecond));
    };
    const bool counted = options_.requests > 0;
    const uint64_t start = counted ? begun : after(options_.warmup_s);
    const uint64_t end = counted ? after(600) : after(options_.warmup_s + options_.duration_s);
    next_ns_ = open_loop() ? begun : UINT64_MAX;
    for (;;) {
      const uint64_t now = NowNs();
      if (!window_.started() && now >= start) window_.Start();
      if (now >= end || (counted && measured_ >= options_.requests)) break;
      for (; next_ns_ <= now; next_ns_ += Gap()) OnDue(next_ns_);
      for (const epoll_event& event : poller_.Wait(std::min(next_ns_, now + kSecond / 100))) {
        OnReady(*static_cast<Client*>(event.data.ptr), event.events);
      }
    }
    window_.Stop();
  }

  // Poisson arrivals: many independent users.
  uint64_t Gap() {
    const double seconds = std::exponential_distribution<double>(options_.rate)(random_);
    return 1 + static_cast<uint64_t>(seconds * static_cast<double>(kSecond));
  }

  void OnDue(uint64_t due_ns) {
    if (free_.empty()) {
      waiting_.push_back(due_ns);
      return;
    }
    Client& client = *free_.front();
    free_.pop_front();
    Send(client, due_ns);
  }

  void Send(Client& client, uint64_t due_ns) {
    client.due_ns = due_ns;
    if (send(client.fd.get(), request_.data(), request_.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request_.size())) {
      Fault(client, "the request could not be sent");
    }
  }

  void Next(Client& client) {
    if (!open_loop()) {
      Send(client, NowNs());
    } else if (waiting_.empty()) {
      free_.push_back(&client);
    } else {
      const uint64_t due = waiting_.front();
      waiting_.pop_front();
      Send(client, due);
    }
  }

  void OnReady(Client& client, uint32_t events) {
    if ((events & EPOLLOUT) != 0) {
      poller_.Change(client.fd.get(), EPOLLIN, &client);
      Next(client);
      return;
    }
    const ssize_t received = recv(client.fd.get(), buffer_.data(), buffer_.size(), 0);
    if (received < 0 && errno == EAGAIN) return;
    if (received <= 0) {
      Fault(client, client.answer.begun() ? "closed inside an answer" : "closed without an answer");
      return;
    }
    switch (client.answer.Take({buffer_.data(), static_cast<size_t>(received)})) {
      case Answer::State::kMore:
        return;
      case Answer::State::kWrong:
        Fault(client, client.answer.fault());
        return;
      case Answer::State::kComplete:
        break;
    }
    if (window_.started()) {
      ++measured_;
      latency_->Record(NowNs() - client.due_ns);
    }
    Next(client);
  }

  void Fault(Client& client, const std::string& what) {
    faults_.Add(what);
    std::erase(free_, &client);
    Connect(client);
  }

  const LoadOptions& options_;
  const std::string request_;
  Window window_;
  Poller poller_;
  Pattern pattern_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::deque<Client*> free_;      // longest unused first
  std::deque<uint64_t> waiting_;  // when they were due
  uint64_t next_ns_ = 0;
  std::mt19937_64 random_{1};
  uint64_t measured_ = 0;
  std::unique_ptr<Histogram> latency_ = std::make_unique<Histogram>();
  Faults faults_;
  std::array<char, 256 * 1024> buffer_{};
};

}  // namespace

nlohmann::json RunRequests(const LoadOptions& options) {
  return std::make_unique<Requests>(options)->Run();
}

}  // namespace sluice::bench
