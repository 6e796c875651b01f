// Where a configured server is: resolves its name, again and again. Loop-thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sluice/event/timer_wheel.h"
#include "sluice/net/network.h"
#include "sluice/proxy/upstream.h"

namespace sluice::proxy {

class NameWatcher final : private event::TimerWheel::Handler {
 public:
  // More addresses than this are left out.
  static constexpr size_t kMaxAddresses = 64;

  // `changed` comes when the addresses are others than before, and when the first lookup failed.
  // `label` begins the lines of the log. What `environment` refers to must outlive it.
  NameWatcher(const UpstreamEnvironment& environment, const net::Endpoint& endpoint,
              uint64_t interval_ms, std::string label, std::function<void()> changed);

  // Sorted; empty until a lookup succeeded. A later one that fails changes nothing.
  [[nodiscard]] const std::vector<net::Endpoint>& addresses() const { return addresses_; }
  // Nothing is known yet, not even a failure.
  [[nodiscard]] bool unknown() const { return addresses_.empty() && trouble_.empty(); }
  // Why the last lookup failed; empty: it did not.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  void OnTimeout(event::TimerWheel::Node& node) override;
  void OnResolved(Result<std::vector<net::Endpoint>> result);
  void OnFailed(const Error& error);

  const UpstreamEnvironment environment_;
  const net::Endpoint endpoint_;
  const uint64_t interval_ms_;
  const std::string label_;
  const std::function<void()> changed_;
  std::unique_ptr<net::Resolving> resolving_;
  std::vector<net::Endpoint> addresses_;
  std::string trouble_;
  event::TimerWheel::Node again_;
};

}  // namespace sluice::proxy
