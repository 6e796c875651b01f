#include "proxy/name_watcher.h"

#include <algorithm>
#include <utility>

#include "sluice/base/log.h"
#include "sluice/base/random.h"

namespace sluice::proxy {
namespace {

// While nothing is known of a name, it is asked for again soon.
constexpr uint64_t kSoonMs = 1'000;

std::string Join(const std::vector<net::Endpoint>& endpoints) {
  std::string text;
  for (const net::Endpoint& endpoint : endpoints) {
    if (!text.empty()) text += ' ';
    text += endpoint.ToString();
  }
  return text;
}

}  // namespace

NameWatcher::NameWatcher(const UpstreamEnvironment& environment, const net::Endpoint& endpoint,
                         uint64_t interval_ms, std::string label, std::function<void()> changed)
    : environment_(environment),
      endpoint_(endpoint),
      interval_ms_(std::max<uint64_t>(interval_ms, 1)),
      label_(std::move(label)),
      changed_(std::move(changed)),
      again_(*this) {
  OnTimeout(again_);
}

void NameWatcher::OnTimeout(event::TimerWheel::Node& /*node*/) {
  resolving_ = environment_.network.Resolve(
      endpoint_,
      [this](Result<std::vector<net::Endpoint>> result) { OnResolved(std::move(result)); });
}

void NameWatcher::OnResolved(Result<std::vector<net::Endpoint>> result) {
  resolving_.reset();
  // Spread, so that the workers do not ask all at once.
  const uint64_t interval =
      !result && addresses_.empty() ? std::min(interval_ms_, kSoonMs) : interval_ms_;
  environment_.timers.Arm(again_, interval - RandomBelow(interval / 10 + 1));
  if (!result) {
    OnFailed(result.error());
    return;
  }
  if (!trouble_.empty()) {
    trouble_.clear();
    LogInfo("{} is resolved again", label_);
  }
  const auto before = [](const net::Endpoint& a, const net::Endpoint& b) {
    return a.host < b.host;
  };
  std::sort(result->begin(), result->end(), before);
  if (result->size() > kMaxAddresses) result->resize(kMaxAddresses);
  if (*result == addresses_) return;
  const bool first = addresses_.empty();
  addresses_ = std::move(*result);
  if (first) {
    LogDebug("{} is at {}", label_, Join(addresses_));
  } else {
    LogInfo("{} is now at {}", label_, Join(addresses_));
  }
  changed_();
}

void NameWatcher::OnFailed(const Error& error) {
  const bool first = unknown();
  const bool known = !trouble_.empty();
  trouble_ = error.message;
  if (!known) {
    LogWarn("{}: {}; {}", label_, error.message,
            addresses_.empty() ? "it gets no requests"
                               : "it keeps the addresses that it had: " + Join(addresses_));
  }
  if (first) changed_();
}

}  // namespace sluice::proxy
