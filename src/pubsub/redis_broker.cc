#include "sluice/pubsub/redis_broker.h"

#include <utility>

namespace sluice::pubsub {
namespace {

redis::Options ToOptions(const config::Config& config) {
  redis::Options options;
  options.endpoint = config.redis.endpoint;
  options.user = config.redis.user;
  options.password = config.redis.password;
  options.database = config.redis.database;
  options.connect_timeout_ms = config.redis.connect_timeout_ms;
  options.probe_interval_ms = config.redis.probe_interval_ms;
  options.backoff_max_ms = config.redis.backoff_max_ms;
  options.max_message_bytes = config.limits.message_bytes;
  return options;
}

}  // namespace

RedisBroker::RedisBroker(event::Loop& loop, net::Network& network, const config::Config& config,
                         BrokerHandler& handler)
    : handler_(handler), link_(loop, network, ToOptions(config), *this) {}

void RedisBroker::Publish(std::string_view channel, std::string_view payload,
                          std::function<void(Result<>)> done) {
  link_.Publish(channel, payload, [done = std::move(done)](Result<int64_t> receivers) {
    if (receivers) {
      done({});
    } else {
      done(tl::unexpected(receivers.error()));
    }
  });
}

void RedisBroker::OnLinkDown(std::string_view) {
  handler_.OnSourceDown();
}

}  // namespace sluice::pubsub
