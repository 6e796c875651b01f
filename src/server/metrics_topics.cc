#include "server/metrics_topics.h"

#include <utility>

namespace sluice::server {

MetricsTopics::MetricsTopics(event::Loop& loop, const GatewayView& view,
                             pubsub::IngestInbox& ingest)
    : loop_(loop), view_(view), ingest_(ingest) {
  Update();
}

void MetricsTopics::Update() {
  std::vector<std::unique_ptr<Topic>> topics;
  for (const pubsub::TopicEntryPtr& entry : view_.generation->topics()) {
    if (entry->config.source != config::Source::kMetrics) continue;
    std::unique_ptr<Topic> topic;
    for (auto& before : topics_) {
      if (before != nullptr && before->entry->config.name == entry->config.name) {
        topic = std::move(before);
        break;
      }
    }
    const uint64_t interval_ms = entry->config.interval_ms;
    if (topic == nullptr) {
      topic = std::make_unique<Topic>(Topic{entry, ReadTotals(view_), nullptr});
      topic->timer = loop_.MakeTimer([this, &one = *topic] { Send(one); });
      topic->timer->Start(interval_ms, interval_ms);
    } else if (topic->entry->config.interval_ms != interval_ms) {
      topic->timer->Start(interval_ms, interval_ms);
    }
    topic->entry = entry;
    topics.push_back(std::move(topic));
  }
  topics_ = std::move(topics);
}

void MetricsTopics::Send(Topic& topic) {
  Totals now = ReadTotals(view_);
  ingest_.Push(
      pubsub::OwnMessageCommand{topic.entry, MetricsMessage(now, Between(topic.last, now)).dump()});
  topic.last = std::move(now);
}

}  // namespace sluice::server
