#include "proxy/balancer.h"

#include <algorithm>
#include <cmath>

namespace sluice::proxy {
namespace {

// splitmix64's last step: each bit of the input changes half of the output's.
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

// -ln of a number in (0, 1] that the two hashes decide.
double Draw(uint64_t a, uint64_t b) {
  constexpr double kScale = 0x1.0p-53;
  return -std::log((static_cast<double>(Mix(a ^ Mix(b)) >> 11) + 1) * kScale);
}

}  // namespace

Balancer::Choice Balancer::Next(uint64_t hash, std::span<const uint64_t> tried, uint64_t now_ms) {
  ++round_;
  for (const uint64_t id : tried) {
    for (const auto& server : servers_) {
      if (server->id() == id) server->skipped_in = round_;
    }
  }
  const Choice first = Among(false, hash, now_ms);
  if (first.server != nullptr) return first;
  Choice second = Among(true, hash, now_ms);
  second.full = second.server == nullptr && (first.full || second.full);
  return second;
}

Balancer::Choice Balancer::Among(bool backups, uint64_t hash, uint64_t now_ms) {
  Choice choice;
  for (;;) {
    candidates_.clear();
    for (const auto& server : servers_) {
      if (TakesPart(*server, backups, now_ms, choice.full)) candidates_.push_back(server.get());
    }
    if (candidates_.empty()) return choice;
    Server* best = candidates_.front();
    if (candidates_.size() > 1) {
      switch (config_.balance) {
        case config::Balance::kRoundRobin:
          best = ByTurn(candidates_);
          break;
        case config::Balance::kLeastConnections:
          best = ByLoad();
          break;
        case config::Balance::kHash:
          best = ByHash(hash);
          break;
      }
    }
    best->skipped_in = round_;
    const bool probe = best->state().resting() && servers_.size() > 1;
    // Other workers may be quicker.
    if (probe && !best->state().ClaimProbe(now_ms)) continue;
    if (!best->TryEnter()) {
      choice.full = true;
      continue;
    }
    return {.server = best, .probe = probe};
  }
}

bool Balancer::TakesPart(Server& server, bool backups, uint64_t now_ms, bool& full) const {
  if (server.config().backup != backups || server.skipped_in == round_) return false;
  const ServerState& state = server.state();
  if (!state.healthy()) return false;
  if (!state.ProbeDue(now_ms) && servers_.size() > 1) return false;
  if (config_.max_connections == 0 || state.active() < config_.max_connections) return true;
  full = true;
  return false;
}

// Smooth: of weights 5, 1, 1 the turns are a a b a c a a, not a a a a a b c.
Server* Balancer::ByTurn(std::span<Server* const> servers) const {
  Server* best = servers.front();
  int64_t total = 0;
  for (Server* server : servers) {
    server->current_weight += server->config().weight;
    total += server->config().weight;
    if (server->current_weight > best->current_weight) best = server;
  }
  best->current_weight -= total;
  return best;
}

// The least requests under way for its weight; among equals, by turn.
Server* Balancer::ByLoad() {
  const auto lighter = [](const Server* a, const Server* b) {
    return uint64_t{a->state().active()} * b->config().weight <
           uint64_t{b->state().active()} * a->config().weight;
  };
  const Server* least = *std::min_element(candidates_.begin(), candidates_.end(), lighter);
  std::erase_if(candidates_, [&](const Server* server) { return lighter(least, server); });
  return ByTurn(candidates_);
}

// Rendezvous hashing: each server draws a number for this hash, the lowest wins. A server that
// rests gives its own hashes to all others and takes nobody else's.
Server* Balancer::ByHash(uint64_t hash) const {
  Server* best = nullptr;
  double lowest = 0;
  for (Server* server : candidates_) {
    const double drawn = Draw(hash, server->seed()) / server->config().weight;
    if (best != nullptr && drawn >= lowest) continue;
    best = server;
    lowest = drawn;
  }
  return best;
}

}  // namespace sluice::proxy
