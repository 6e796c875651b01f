#include "server/sampler.h"

#include <utility>

#include <fmt/format.h>

namespace sluice::server {

Sampler::Sampler(event::Loop& loop, const GatewayView& view, std::function<void()> sampled)
    : view_(view),
      sampled_(std::move(sampled)),
      totals_(ReadTotals(view)),
      rates_(Between(totals_, totals_)),
      head_times_{ReadHeadTimes(view)},
      timer_(loop.MakeTimer([this] { Sample(); })) {
  timer_->Start(kIntervalMs, kIntervalMs);
}

void Sampler::Sample() {
  Totals now = ReadTotals(view_);
  rates_ = Between(totals_, now);
  totals_ = std::move(now);
  history_.push_back(MetricsMessage(totals_, rates_).dump());
  if (history_.size() > kKept) history_.pop_front();
  head_times_.push_back(ReadHeadTimes(view_));
  if (head_times_.size() > kHeadTimesKept + 1) head_times_.pop_front();
  sampled_();
}

DurationHistogram::Counts Sampler::HeadTimesOf(
    const std::shared_ptr<proxy::UpstreamState>& upstream) const {
  const auto of = [&upstream](const HeadTimes& times) {
    const auto found = times.find(upstream);
    return found != times.end() ? found->second : DurationHistogram::Counts{};
  };
  return Between(of(head_times_.front()), of(head_times_.back()));
}

std::string Sampler::RenderHistory() const {
  return fmt::format("[{}]\n", fmt::join(history_, ",\n"));
}

}  // namespace sluice::server
