// What all workers know together of an upstream, and what each of them counts. It lives as long as
// the upstream's config stays the same, across reloads. Any thread, unless a method says otherwise.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/counter.h"
#include "sluice/base/result.h"
#include "sluice/config/proxy.h"
#include "sluice/net/address.h"
#include "sluice/proxy/call.h"
#include "sluice/proxy/place_line.h"

namespace sluice::tls {
class ClientContext;
}

namespace sluice::proxy {

// One address of a server: whether it is fit to be asked. Times are Loop::NowMs, one clock for all
// loops.
class ServerState {
 public:
  // `config` must outlive it. `name` is the server as configured, `address` where it is.
  ServerState(const config::Upstream& config, std::string_view name, const net::Endpoint& address);
  ServerState(const ServerState&) = delete;
  ServerState& operator=(const ServerState&) = delete;

  [[nodiscard]] const net::Endpoint& address() const { return address_; }

  // Passive checks. `max_fails` failures in a row make it rest: for backoff_ms, and twice as long
  // each time that the probe after a rest fails too, up to backoff_max_ms, with jitter.
  [[nodiscard]] bool resting() const { return rest_until_ms_.load(std::memory_order_relaxed) != 0; }
  // The rest is over: one request may find out how it is.
  [[nodiscard]] bool ProbeDue(uint64_t now_ms) const {
    return now_ms >= rest_until_ms_.load(std::memory_order_relaxed);
  }
  // True for the one who is to send it. If that one never reports, the next is due a rest later.
  [[nodiscard]] bool ClaimProbe(uint64_t now_ms);
  void Succeeded() {
    if (fails_.load(std::memory_order_relaxed) != 0) Recover();
  }
  // `probe`: whether the request was one. Returns for how long it rests from now on; 0: nothing has
  // changed, it may be resting already.
  uint64_t Failed(uint64_t now_ms, bool probe);

  // Active checks.
  [[nodiscard]] bool healthy() const { return healthy_.load(std::memory_order_relaxed); }
  void set_healthy(bool healthy) { healthy_.store(healthy, std::memory_order_relaxed); }

  // Whether requests go to it.
  [[nodiscard]] bool up() const { return healthy() && !resting(); }

  // Requests under way of the whole process; counted only if something depends on it.
  [[nodiscard]] uint32_t active() const { return active_.load(); }
  // False if max_connections are under way.
  [[nodiscard]] bool TryEnter();
  void Leave() {
    if (counted_) active_.fetch_sub(1);
  }

 private:
  void Recover();
  [[nodiscard]] uint64_t RestMs(uint32_t rests) const;

  const config::Upstream& config_;
  const std::string name_;
  const net::Endpoint address_;
  const bool counted_;
  std::atomic<uint32_t> active_{0};
  std::atomic<uint32_t> fails_{0};  // in a row
  std::atomic<uint32_t> rests_{0};  // in a row
  std::atomic<uint64_t> rest_until_ms_{0};
  std::atomic<bool> healthy_{true};
};

// What one worker counts of one configured server. Written by its loop, read by any thread.
class ServerStats {
 public:
  static constexpr int kFirstStatus = 100;
  static constexpr int kLastStatus = 599;
  static constexpr size_t kFailureKinds = static_cast<size_t>(CallFailure::Kind::kHeadLimit) + 1;

  void CountAnswer(int status) {
    if (status >= kFirstStatus && status <= kLastStatus) {
      answers_[static_cast<size_t>(status - kFirstStatus)].Add();
    }
  }
  void CountFailure(CallFailure::Kind kind) { failures_[static_cast<size_t>(kind)].Add(); }

  // All answers, all failures.
  [[nodiscard]] uint64_t requests() const { return Sum(answers_); }
  [[nodiscard]] uint64_t all_failures() const { return Sum(failures_); }
  // REQUIRES: a status between kFirstStatus and kLastStatus.
  [[nodiscard]] uint64_t answers(int status) const {
    return answers_[static_cast<size_t>(status - kFirstStatus)].Get();
  }
  [[nodiscard]] uint64_t failures(CallFailure::Kind kind) const {
    return failures_[static_cast<size_t>(kind)].Get();
  }

  Counter connects;  // connections opened
  Counter reuses;    // requests sent on a kept one
  Counter retries;   // requests sent again, after a stale kept connection or another server's fault
  Counter active;    // requests under way, now
  Counter idle;      // kept connections, now

 private:
  template <class Counters>
  [[nodiscard]] static uint64_t Sum(const Counters& counters) {
    uint64_t sum = 0;
    for (const Counter& counter : counters) sum += counter.Get();
    return sum;
  }

  std::array<Counter, kLastStatus - kFirstStatus + 1> answers_;
  std::array<Counter, kFailureKinds> failures_;
};

// What one worker counts of one upstream.
struct UpstreamStats {
  explicit UpstreamStats(size_t count) : servers(count) {}
  DurationHistogram head;  // CallRecord::head_ns
  Counter waiting;         // requests in the queue, now
  // Failures of requests for which no server was found, or no address of one.
  std::array<Counter, ServerStats::kFailureKinds> failures;
  std::vector<ServerStats> servers;  // as in the config
};

class UpstreamState {
 public:
  explicit UpstreamState(config::Upstream config);
  UpstreamState(const UpstreamState&) = delete;
  UpstreamState& operator=(const UpstreamState&) = delete;

  [[nodiscard]] const config::Upstream& config() const { return config_; }
  // The servers' names, as in the config, for logs and metrics.
  [[nodiscard]] const std::vector<std::string>& server_names() const { return names_; }

  // For connections with TLS, or why there are none. REQUIRES: config().tls.
  [[nodiscard]] const Result<std::shared_ptr<const tls::ClientContext>>& tls() const {
    return tls_;
  }

  // For max_connections.
  [[nodiscard]] PlaceLine& line() { return line_; }

  // The state of that address of a configured server: made when it is first asked for.
  [[nodiscard]] std::shared_ptr<ServerState> Address(size_t server, const net::Endpoint& address);
  // Those that anyone holds.
  [[nodiscard]] std::vector<std::shared_ptr<ServerState>> Addresses(size_t server) const;
  // Whether any of them is up.
  [[nodiscard]] bool up(size_t server) const;

  // Counters for one writer at a time. Whoever wrote before must have given them up by dropping the
  // pointer; what was counted stays.
  [[nodiscard]] std::shared_ptr<UpstreamStats> TakeStats();
  // All of them, for reading.
  [[nodiscard]] std::vector<std::shared_ptr<const UpstreamStats>> AllStats() const;

 private:
  const config::Upstream config_;
  std::vector<std::string> names_;
  Result<std::shared_ptr<const tls::ClientContext>> tls_;
  PlaceLine line_;
  // Taken when a worker begins or a name has other addresses, and by who reads the numbers; never
  // for a request.
  mutable std::mutex mutex_;
  std::vector<std::vector<std::shared_ptr<ServerState>>> addresses_;  // by server
  std::vector<std::shared_ptr<UpstreamStats>> stats_;
};

// Of all upstreams, in the order of the config.
using UpstreamStates = std::vector<std::shared_ptr<UpstreamState>>;

// `before` are those of the config that is replaced: an upstream whose config has not changed keeps
// its state.
[[nodiscard]] UpstreamStates MakeUpstreamStates(const std::vector<config::Upstream>& upstreams,
                                                const UpstreamStates& before = {});

}  // namespace sluice::proxy
