// Where messages come from and go to. Lives on the ingest thread's loop; the loop thread only.
#pragma once

#include <functional>
#include <string_view>

#include "sluice/base/result.h"
#include "sluice/pubsub/catalog.h"
#include "sluice/pubsub/message.h"

namespace sluice::pubsub {

// Callbacks of a Broker. Views are valid until the call returns.
class BrokerHandler {
 public:
  virtual ~BrokerHandler() = default;
  // The channel is subscribed: what is published from now on comes by OnMessage. Comes again after
  // the link was lost and made anew: then messages may have been missed.
  virtual void OnSubscribed(std::string_view channel) = 0;
  virtual void OnSubscribeFailed(std::string_view channel, std::string_view reason) = 0;
  // The same after the channel was lost, if nothing can be missing.
  virtual void OnResumed(std::string_view channel) = 0;
  // A message of the topic's format.
  virtual void OnMessage(std::string_view channel, std::string_view payload) = 0;
  // One that came with its event name and id apart from the data, which is of the topic's format.
  // The fields are not looked at.
  virtual void OnEvent(std::string_view channel, const Message& event) = 0;
  // A message over limits.message_bytes came and was thrown away.
  virtual void OnOversized(std::string_view channel, uint64_t size) = 0;
  // No channel of the broker is subscribed until its next OnSubscribed.
  virtual void OnSourceDown() = 0;
  // This one is not, until its next OnSubscribed or OnResumed.
  virtual void OnChannelDown(std::string_view channel) = 0;
  // Whoever publishes on the channel says that nothing more will come, ever: subscribers are to
  // stay away.
  virtual void OnEnded(std::string_view channel) = 0;
};

class Broker {
 public:
  virtual ~Broker() = default;
  virtual void Start() = 0;
  // `entry` is the topic that the channel belongs to.
  virtual void Subscribe(std::string_view channel, const TopicEntryPtr& entry) = 0;
  virtual void Unsubscribe(std::string_view channel) = 0;
  // `done` comes exactly once, perhaps before Publish returns: when the broker took the message.
  virtual void Publish(std::string_view channel, std::string_view payload,
                       std::function<void(Result<>)> done) = 0;
  // True if all subscribers of a channel in the world are in this process: then what is published
  // before anyone subscribes is worth keeping, and ids are given out here alone.
  [[nodiscard]] virtual bool embedded() const = 0;
};

}  // namespace sluice::pubsub
