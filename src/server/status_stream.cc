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
    : config_(StreamConfig()),
      router_(config_),
      ingest_(loop, config_,
              [](pubsub::BrokerHandler& handler) {
                return std::make_unique<pubsub::MemoryBroker>(handler);
              }),
      hub_(loop, config_, 0, ingest_.inbox(), counts_),
      greetings_(EncodeGreetings(*config_)),
      tokens_(config_->limits.auth_failures),
      access_(*config_, tokens_, std::make_shared<const auth::Schemes>(config_->auth)),
      cors_(config_->cors),
      warnings_(loop, redactor_),
      limits_(*config_),
      limiter_(*config_, limits_, warnings_, loop),
      environment_{*config_, router_, hub_,     timers,   greetings_,
                   access_,  cors_,   limiter_, warnings_} {
  ingest_.AddWorker(hub_.inbox());
  ingest_.Start();
}

std::unique_ptr<RequestHandler> StatusStream::Dispatch(Exchange& exchange) {
  return HandleTopic(environment_, router_.Find({}, exchange.request().path()), exchange);
}

void StatusStream::Send(std::string json) {
  ingest_.inbox().Push(pubsub::OwnMessageCommand{0, std::move(json)});
}

}  // namespace sluice::server
