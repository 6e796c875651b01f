#include "server/watchdog.h"

#include <algorithm>
#include <utility>

#include "sluice/base/log.h"

namespace sluice::server {
namespace {

// A loop that is late for one round or two must not cost the process its life.
constexpr uint64_t kRounds = 4;

}  // namespace

Watchdog::Watchdog(event::Loop& loop, ServiceManager& manager)
    : manager_(manager),
      round_ms_(std::max<uint64_t>(manager.watchdog_ms() / kRounds, 1)),
      timer_(loop.MakeTimer([this] { OnRound(); })) {}

void Watchdog::Watch(std::string name, Post post) {
  watched_.push_back({std::move(name), std::move(post), std::make_shared<std::atomic<bool>>(true)});
}

void Watchdog::Start() {
  if (manager_.watchdog_ms() > 0) timer_->Start(0, round_ms_);
}

void Watchdog::OnRound() {
  if (!AllAnswered()) return;
  manager_.Alive();
  for (const Watched& watched : watched_) {
    watched.answered->store(false, std::memory_order_relaxed);
    watched.post(
        [answered = watched.answered] { answered->store(true, std::memory_order_relaxed); });
  }
}

bool Watchdog::AllAnswered() {
  bool all = true;
  for (Watched& watched : watched_) {
    const bool silent = !watched.answered->load(std::memory_order_relaxed);
    if (silent && !watched.silent) {
      LogWarn(
          "watchdog: {} has not answered for {} ms: it hangs or is overloaded; if that lasts, "
          "the service manager restarts the gateway",
          watched.name, round_ms_);
    }
    watched.silent = silent;
    all = all && !silent;
  }
  return all;
}

}  // namespace sluice::server
