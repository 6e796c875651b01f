#include "server/sampler.h"

#include <utility>

#include <fmt/format.h>

namespace sluice::server {

Sampler::Sampler(event::Loop& loop, const GatewayView& view, std::function<void()> sampled)
    : view_(view),
      sampled_(std::move(sampled)),
      totals_(ReadTotals(view)),
      rates_(Between(totals_, totals_)),
      timer_(loop.MakeTimer([this] { Sample(); })) {
  timer_->Start(kIntervalMs, kIntervalMs);
}

void Sampler::Sample() {
  Totals now = ReadTotals(view_);
  rates_ = Between(totals_, now);
  totals_ = std::move(now);
  history_.push_back(MetricsMessage(totals_, rates_).dump());
  if (history_.size() > kKept) history_.pop_front();
  sampled_();
}

std::string Sampler::RenderHistory() const {
  return fmt::format("[{}]\n", fmt::join(history_, ",\n"));
}

}  // namespace sluice::server
