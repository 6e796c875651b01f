// The broker of the topics with `source: upstream`: each channel is an event stream of an upstream,
// one for all its subscribers of all workers. What joins pubsub and proxy. Ingest thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/upstream_source.h"
#include "sluice/config/config.h"
#include "sluice/event/loop.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/pubsub/broker.h"

namespace sluice::server {

class UpstreamBroker final : public pubsub::Broker {
 public:
  // Everything outlives this.
  UpstreamBroker(event::Loop& loop, decltype(SourceEnvironment::find_upstream) find_upstream,
                 uint64_t event_limit, pubsub::BrokerHandler& handler);
  ~UpstreamBroker() override;

  // After a reload: the streams of these upstreams are opened anew.
  void Reload(uint64_t event_limit, const std::vector<std::string>& changed_upstreams);

  void Start() override {}
  void Subscribe(std::string_view channel, const pubsub::TopicEntryPtr& entry) override;
  void Unsubscribe(std::string_view channel) override;
  // Nobody publishes here but the upstream.
  void Publish(std::string_view channel, std::string_view payload,
               std::function<void(Result<>)> done) override;
  [[nodiscard]] bool embedded() const override { return false; }

 private:
  struct Source {
    std::string upstream;  // its name
    std::unique_ptr<UpstreamSource> source;
  };

  event::Loop& loop_;
  event::TimerWheel timers_;
  SourceEnvironment environment_;
  std::unordered_map<std::string, Source> sources_;  // by channel
};

}  // namespace sluice::server
