// The broker inside the process: what is published here is delivered here. Ingest thread only.
#pragma once

#include "sluice/pubsub/broker.h"

namespace sluice::pubsub {

class MemoryBroker final : public Broker {
 public:
  explicit MemoryBroker(BrokerHandler& handler) : handler_(handler) {}

  void Start() override {}
  void Subscribe(std::string_view channel, const TopicEntryPtr&) override {
    handler_.OnSubscribed(channel);
  }
  void Unsubscribe(std::string_view) override {}
  void Publish(std::string_view channel, std::string_view payload,
               std::function<void(Result<>)> done) override {
    handler_.OnMessage(channel, payload);
    done({});
  }
  [[nodiscard]] bool embedded() const override { return true; }

 private:
  BrokerHandler& handler_;
};

}  // namespace sluice::pubsub
