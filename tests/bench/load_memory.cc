// What connections cost a proxy in memory: those that are kept and idle, and those whose client
// reads slowly.
#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

#include "bench/load.h"
#include "bench/load_answer.h"
#include "bench/poller.h"

namespace sluice::bench {
namespace {

using cli::bench::MemoryUse;
using cli::bench::ProcessMeter;

void Sleep(double seconds) {
  (void)poll(nullptr, 0, static_cast<int>(seconds * 1000));
}

class Clients {
 public:
  explicit Clients(const LoadOptions& options)
      : options_(options), request_(RequestFor(options.body_bytes)) {
    auto meter = ProcessMeter::Open(options.servers);
    if (!meter) Die("the server cannot be measured");
    meter_ = std::make_unique<ProcessMeter>(std::move(*meter));
  }

  // Adds clients, one after the other, until there are `count`; each asks once and gets its answer.
  void AskTo(uint32_t count) {
    while (clients_.size() < count) {
      Client& client = Add(0);
      while (Read(client, buffer_.size())) {
        pollfd waiting{.fd = client.fd.get(), .events = POLLIN, .revents = 0};
        if (poll(&waiting, 1, 10'000) != 1) {
          faults_.Add("no answer within 10 s");
          break;
        }
      }
    }
  }

  // Adds clients whose sockets hold little, and which wait for their answers.
  void BeginTo(uint32_t count) {
    constexpr int kReceiveBuffer = 8 * 1024;
    while (clients_.size() < count) Add(kReceiveBuffer);
  }

  // Each reads `bytes` at most.
  void ReadAll(size_t bytes) {
    for (const auto& client : clients_) {
      if (client->fd.open()) (void)Read(*client, std::min(bytes, buffer_.size()));
    }
  }

  [[nodiscard]] MemoryUse Memory() const { return meter_->Memory(); }
  [[nodiscard]] nlohmann::json faults() const { return faults_.ToJson(); }
  [[nodiscard]] uint64_t received() const { return received_; }

 private:
  struct Client {
    Fd fd;
    Answer answer;
  };

  Client& Add(int receive_buffer) {
    clients_.push_back(std::make_unique<Client>(
        Client{ConnectTo(options_, receive_buffer), Answer(pattern_, options_.body_bytes)}));
    Client& client = *clients_.back();
    pollfd waiting{.fd = client.fd.get(), .events = POLLOUT, .revents = 0};
    if (poll(&waiting, 1, 10'000) != 1 ||
        send(client.fd.get(), request_.data(), request_.size(), MSG_NOSIGNAL) < 0) {
      Die("a client cannot connect");
    }
    return client;
  }

  // False if the answer is complete, or wrong.
  bool Read(Client& client, size_t bytes) {
    const ssize_t received = recv(client.fd.get(), buffer_.data(), bytes, 0);
    if (received < 0 && errno == EAGAIN) return true;
    if (received <= 0) {
      faults_.Add("a connection was closed");
      client.fd.Reset();
      return false;
    }
    received_ += static_cast<uint64_t>(received);
    const auto state = client.answer.Take({buffer_.data(), static_cast<size_t>(received)});
    if (state == Answer::State::kWrong) faults_.Add(client.answer.fault());
    return state == Answer::State::kMore;
  }

  const LoadOptions& options_;
  const std::string request_;
  std::unique_ptr<ProcessMeter> meter_;
  Pattern pattern_;
  std::vector<std::unique_ptr<Client>> clients_;
  uint64_t received_ = 0;
  Faults faults_;
  std::array<char, 16 * 1024> buffer_{};
};

nlohmann::json Slope(const MemoryUse& from, const MemoryUse& to, uint32_t count) {
  const auto each = [count](uint64_t before, uint64_t after) {
    return (static_cast<double>(after) - static_cast<double>(before)) / count;
  };
  return {{"pss", each(from.pss, to.pss)}, {"anonymous", each(from.anonymous, to.anonymous)}};
}

}  // namespace

nlohmann::json RunIdle(const LoadOptions& options) {
  const auto clients = std::make_unique<Clients>(options);
  constexpr double kSettle = 1;
  clients->AskTo(options.base);
  Sleep(kSettle);
  const MemoryUse before = clients->Memory();
  clients->AskTo(options.connections);
  Sleep(kSettle);
  const MemoryUse after = clients->Memory();
  return {{"connections", options.connections},
          {"bytes_each", Slope(before, after, options.connections - options.base)},
          {"faults", clients->faults()}};
}

nlohmann::json RunSlow(const LoadOptions& options) {
  const auto clients = std::make_unique<Clients>(options);
  const MemoryUse before = clients->Memory();
  const uint64_t pages = cli::bench::TcpMemoryPages();
  clients->BeginTo(options.connections);
  constexpr double kTick = 0.25;
  MemoryUse most;
  uint64_t most_pages = 0;
  for (double passed = 0; passed < options.duration_s; passed += kTick) {
    clients->ReadAll(static_cast<size_t>(options.bytes_per_second * kTick));
    Sleep(kTick);
    const MemoryUse now = clients->Memory();
    most.pss = std::max(most.pss, now.pss);
    most.anonymous = std::max(most.anonymous, now.anonymous);
    most_pages = std::max(most_pages, cli::bench::TcpMemoryPages());
  }
  return {{"clients", options.connections},
          {"bytes_each", Slope(before, most, options.connections)},
          {"tcp_pages", most_pages - std::min(pages, most_pages)},
          {"received", clients->received()},
          {"faults", clients->faults()}};
}

}  // namespace sluice::bench
