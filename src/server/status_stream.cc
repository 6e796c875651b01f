#include "server/status_stream.h"

#include <utility>

#include "sluice/pubsub/memory_broker.h"

namespace sluice::server {
namespace {

config::ConfigPtr StreamConfig() {
  config::Topic topic;
  topic.name = topic.channel = "sluice.status";
  topic.path = StatusStream::kPath;
  topic.source = config::Source::kMetrics;
  // What was is of no use but as a graph, and that the page gets from /status/history.
  topic.history.events = 1;
  topic.slow_policy = config::SlowPolicy::kLatest;
  topic.max_subscribers = StatusStream::kMaxViewers;
  topic.retry_base_ms = 1'000;
  topic.retry_jitter_ms = 1'000;
  auto config = std::make_shared<config::Config>();
  config->topics.push_back(std::move(topic));
  return config;
}

}  // namespace

StatusStream::StatusStream(event::Loop& loop, event::TimerWheel& timers)
    : generation_(std::make_shared<const Generation>(StreamConfig(), ledger_, nullptr)),
      ingest_(loop, generation_,
              [](pubsub::BrokerHandler& handler) {
                return std::make_unique<pubsub::MemoryBroker>(handler);
              }),
      hub_(loop, generation_, 0, ingest_.inbox(), counts_),
      tokens_(generation_->limits().auth_failures),
      access_(generation_, tokens_),
      warnings_(loop, redactor_),
      limiter_(generation_->config(), generation_->client_limits(), warnings_, loop),
      environment_{generation_, hub_, timers, access_, limiter_, warnings_} {
  ingest_.AddWorker(hub_.inbox());
  ingest_.Start();
}

std::unique_ptr<RequestHandler> StatusStream::Dispatch(Exchange& exchange) {
  return HandleTopic(environment_, generation_->router().Find({}, exchange.request().path()),
                     exchange);
}

void StatusStream::Send(std::string json) {
  ingest_.inbox().Push(pubsub::OwnMessageCommand{generation_->topics()[0], std::move(json)});
}

}  // namespace sluice::server
