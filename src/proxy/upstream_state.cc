#include "sluice/proxy/upstream_state.h"

#include <algorithm>
#include <utility>

#include "sluice/base/log.h"
#include "sluice/base/random.h"
#include "sluice/tls/client.h"

namespace sluice::proxy {

ServerState::ServerState(const config::Upstream& config, std::string_view name,
                         const net::Endpoint& address)
    : config_(config),
      name_(name),
      address_(address),
      counted_(config.max_connections > 0 || config.balance == config::Balance::kLeastConnections) {
}

bool ServerState::TryEnter() {
  if (!counted_) return true;
  const uint32_t before = active_.fetch_add(1);
  if (config_.max_connections == 0 || before < config_.max_connections) return true;
  active_.fetch_sub(1);
  return false;
}

bool ServerState::ClaimProbe(uint64_t now_ms) {
  uint64_t until = rest_until_ms_.load(std::memory_order_relaxed);
  if (until == 0) return true;
  if (now_ms < until) return false;
  return rest_until_ms_.compare_exchange_strong(
      until, now_ms + RestMs(rests_.load(std::memory_order_relaxed)), std::memory_order_relaxed);
}

uint64_t ServerState::Failed(uint64_t now_ms, bool probe) {
  if (config_.max_fails == 0) return 0;
  uint64_t until = rest_until_ms_.load(std::memory_order_relaxed);
  if (!probe) {
    const uint32_t fails = fails_.fetch_add(1, std::memory_order_relaxed) + 1;
    if (fails < config_.max_fails || until != 0) return 0;
  }
  const uint32_t rests = rests_.load(std::memory_order_relaxed) + 1;
  const uint64_t rest = RestMs(rests);
  if (!rest_until_ms_.compare_exchange_strong(until, now_ms + rest, std::memory_order_relaxed)) {
    return 0;
  }
  rests_.store(rests, std::memory_order_relaxed);
  return rest;
}

void ServerState::Recover() {
  fails_.store(0, std::memory_order_relaxed);
  if (!resting()) return;
  rests_.store(0, std::memory_order_relaxed);
  if (rest_until_ms_.exchange(0, std::memory_order_relaxed) != 0) {
    LogInfo("upstream={} server={} answers again", config_.name, name_);
  }
}

// Uniform in [half, whole], so that gateways do not come back at once.
uint64_t ServerState::RestMs(uint32_t rests) const {
  constexpr uint32_t kMaxDoublings = 20;
  const uint32_t doublings = std::min(std::max(rests, 1U) - 1, kMaxDoublings);
  const uint64_t whole = std::max<uint64_t>(
      std::min(uint64_t{config_.backoff_ms} << doublings, uint64_t{config_.backoff_max_ms}), 1);
  return whole - RandomBelow(whole / 2 + 1);
}

UpstreamState::UpstreamState(config::Upstream config)
    : config_(std::move(config)), addresses_(config_.servers.size()) {
  for (const config::UpstreamServer& server : config_.servers) {
    names_.push_back(server.endpoint.ToString());
  }
  if (!config_.tls) return;
  tls_ = tls::ClientContext::Make({.verify = config_.tls->verify,
                                   .ca = config_.tls->ca,
                                   .certificate = config_.tls->certificate,
                                   .key = config_.tls->key});
  if (!tls_) LogError("upstream={} has no TLS: {}", config_.name, tls_.error().message);
}

std::shared_ptr<ServerState> UpstreamState::Address(size_t server, const net::Endpoint& address) {
  const std::lock_guard lock(mutex_);
  auto& known = addresses_.at(server);
  const auto found = std::find_if(known.begin(), known.end(),
                                  [&](const auto& state) { return state->address() == address; });
  if (found != known.end()) return *found;
  // Nobody can take hold of these any more without the lock.
  std::erase_if(known, [](const auto& state) { return state.use_count() == 1; });
  known.push_back(std::make_shared<ServerState>(config_, names_[server], address));
  return known.back();
}

std::vector<std::shared_ptr<ServerState>> UpstreamState::Addresses(size_t server) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<ServerState>> held;
  for (const auto& state : addresses_.at(server)) {
    if (state.use_count() > 1) held.push_back(state);
  }
  return held;
}

bool UpstreamState::up(size_t server) const {
  const auto addresses = Addresses(server);
  return std::any_of(addresses.begin(), addresses.end(),
                     [](const auto& state) { return state->up(); });
}

std::shared_ptr<UpstreamStats> UpstreamState::TakeStats() {
  const std::lock_guard lock(mutex_);
  for (const auto& stats : stats_) {
    if (stats.use_count() == 1) return stats;
  }
  stats_.push_back(std::make_shared<UpstreamStats>(config_.servers.size()));
  return stats_.back();
}

std::vector<std::shared_ptr<const UpstreamStats>> UpstreamState::AllStats() const {
  const std::lock_guard lock(mutex_);
  return {stats_.begin(), stats_.end()};
}

UpstreamStates MakeUpstreamStates(const std::vector<config::Upstream>& upstreams,
                                  const UpstreamStates& before) {
  UpstreamStates states;
  for (const config::Upstream& upstream : upstreams) {
    const auto same = std::find_if(before.begin(), before.end(),
                                   [&](const auto& state) { return state->config() == upstream; });
    states.push_back(same != before.end() ? *same : std::make_shared<UpstreamState>(upstream));
  }
  return states;
}

}  // namespace sluice::proxy
