// Redis pub/sub as a broker. See redis/pubsub_link.h for how the link is kept and proved. Ingest
// thread only, but for stats().
#pragma once

#include "sluice/config/config.h"
#include "sluice/event/loop.h"
#include "sluice/net/network.h"
#include "sluice/pubsub/broker.h"
#include "sluice/redis/pubsub_link.h"

namespace sluice::pubsub {

class RedisBroker final : public Broker, private redis::PubSubHandler {
 public:
  RedisBroker(event::Loop& loop, net::Network& network, const config::Config& config,
              BrokerHandler& handler);

  void Start() override { link_.Start(); }
  void Subscribe(std::string_view channel, const TopicEntryPtr&) override {
    link_.Subscribe(channel);
  }
  void Unsubscribe(std::string_view channel) override { link_.Unsubscribe(channel); }
  void Publish(std::string_view channel, std::string_view payload,
               std::function<void(Result<>)> done) override;
  [[nodiscard]] bool embedded() const override { return false; }

  [[nodiscard]] const redis::LinkStats& stats() const { return link_.stats(); }  // any thread

 private:
  void OnLinkUp() override {}
  void OnLinkDown(std::string_view reason) override;
  void OnSubscribed(std::string_view channel) override { handler_.OnSubscribed(channel); }
  void OnSubscribeFailed(std::string_view channel, std::string_view reason) override {
    handler_.OnSubscribeFailed(channel, reason);
  }
  void OnMessage(std::string_view channel, std::string_view payload) override {
    handler_.OnMessage(channel, payload);
  }
  void OnOversized(std::string_view channel, uint64_t size) override {
    handler_.OnOversized(channel, size);
  }

  BrokerHandler& handler_;
  redis::PubSubLink link_;
};

}  // namespace sluice::pubsub
