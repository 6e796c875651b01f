// One address of a configured server, as one worker sees it. Loop-thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/connection.h"
#include "sluice/config/proxy.h"
#include "sluice/proxy/upstream_state.h"

namespace sluice::proxy {

class Server {
 public:
  // `config`, `name` and `stats` must outlive it.
  Server(uint64_t id, const config::UpstreamServer& config, std::string_view name,
         std::shared_ptr<ServerState> state, ServerStats& stats)
      : id_(id),
        config_(config),
        name_(name),
        state_(std::move(state)),
        stats_(stats),
        address_text_(std::make_shared<const std::string>(state_->address().ToString())),
        seed_(std::hash<std::string>{}(*address_text_)) {}
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Never given to another one of the upstream.
  [[nodiscard]] uint64_t id() const { return id_; }
  [[nodiscard]] const config::UpstreamServer& config() const { return config_; }
  // As configured.
  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] const net::Endpoint& address() const { return state_->address(); }
  // The same for logs, which may outlive the server.
  [[nodiscard]] const std::shared_ptr<const std::string>& address_text() const {
    return address_text_;
  }
  [[nodiscard]] ServerState& state() const { return *state_; }
  [[nodiscard]] const std::shared_ptr<ServerState>& shared_state() const { return state_; }
  [[nodiscard]] ServerStats& stats() const { return stats_; }

  // A request begins or ends. False if the server has max_connections of them.
  [[nodiscard]] bool TryEnter() {
    if (!TakePlace()) return false;
    ++active_;
    return true;
  }
  void Leave() {
    GivePlace();
    EndWithoutPlace();
  }
  // Others may have the request's place, though it still uses a connection of the server; and it
  // has one again, if one is free.
  void GivePlace() {
    state_->Leave();
    stats_.active.Sub();
  }
  [[nodiscard]] bool TakePlace() {
    if (!state_->TryEnter()) return false;
    stats_.active.Add();
    return true;
  }
  // A request ends that gave its place, or whose place a SwitchedStream holds from now on.
  void EndWithoutPlace() { --active_; }
  // Of its address: for consistent hashing.
  [[nodiscard]] uint64_t seed() const { return seed_; }
  // Requests of this worker that use it.
  [[nodiscard]] uint32_t active() const { return active_; }

  // It has left the upstream: nothing is kept, and no request comes any more.
  void Retire() {
    retired_ = true;
    stats_.idle.Sub(idle.size());
    for (auto& connection : idle) Connection::Drop(std::move(connection));
    idle.clear();
  }
  [[nodiscard]] bool retired() const { return retired_; }

  // Kept connections, the one that was used last at the end. The Pool's.
  std::vector<std::unique_ptr<Connection>> idle;
  // The Balancer's.
  int64_t current_weight = 0;
  uint64_t skipped_in = 0;

 private:
  const uint64_t id_;
  const config::UpstreamServer& config_;
  std::string_view name_;
  std::shared_ptr<ServerState> state_;
  ServerStats& stats_;
  std::shared_ptr<const std::string> address_text_;
  uint64_t seed_;
  uint32_t active_ = 0;
  bool retired_ = false;
};

}  // namespace sluice::proxy
