#include "server/metrics_topics.h"

#include <utility>

namespace sluice::server {

MetricsTopics::MetricsTopics(event::Loop& loop, const GatewayView& view,
                             pubsub::IngestInbox& ingest)
    : view_(view), ingest_(ingest) {
  for (uint32_t i = 0; i < view.config->topics.size(); ++i) {
    const config::Topic& config = view.config->topics[i];
    if (config.source != config::Source::kMetrics) continue;
    auto topic = std::make_unique<Topic>(Topic{i, ReadTotals(view), nullptr});
    topic->timer = loop.MakeTimer([this, &one = *topic] { Send(one); });
    topic->timer->Start(config.interval_ms, config.interval_ms);
    topics_.push_back(std::move(topic));
  }
}

void MetricsTopics::Send(Topic& topic) {
  Totals now = ReadTotals(view_);
  ingest_.Push(
      pubsub::OwnMessageCommand{topic.index, MetricsMessage(now, Between(topic.last, now)).dump()});
  topic.last = std::move(now);
}

}  // namespace sluice::server
