// The ingest thread's part: one subscription per channel for the whole process. It encodes each
// message once and gives the frame to those workers that want the topic; it never fans out, so a
// burst to many sockets does not delay reading from the broker. Ingest loop's thread only, but for
// inbox() and stats().
//
// It keeps each channel's ring too, so that a worker that subscribes later starts with the history
// that the others have. With an embedded broker a channel outlives its subscribers until its
// history has aged away; so does the channel of a topic with Source::kMetrics, whichever the broker
// is.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sluice/base/log_throttle.h"
#include "sluice/config/config.h"
#include "sluice/event/loop.h"
#include "sluice/pubsub/broker.h"
#include "sluice/pubsub/catalog.h"
#include "sluice/pubsub/frame_encoder.h"
#include "sluice/pubsub/ingest_link.h"
#include "sluice/pubsub/memory_broker.h"
#include "sluice/pubsub/message.h"
#include "sluice/pubsub/ring.h"
#include "sluice/pubsub/stats.h"

namespace sluice::pubsub {

class Ingest final : private BrokerHandler {
 public:
  using BrokerFactory = std::function<std::unique_ptr<Broker>(BrokerHandler& handler)>;

  // `make_upstream_broker` makes what the topics with Source::kUpstream are subscribed at; it may
  // be null if there never are any.
  Ingest(event::Loop& loop, CatalogPtr catalog, const BrokerFactory& make_broker,
         const BrokerFactory& make_upstream_broker = nullptr);
  ~Ingest() override;
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;

  // Before Start: the inbox of each worker, by the worker's number.
  void AddWorker(HubInbox& inbox) { workers_.push_back(&inbox); }
  void Start();
  // After a reload, and before the workers have the catalog. Channels whose topic's identity has
  // changed (see TopicChange) are given up; a worker that still asks for them is refused.
  void SetCatalog(CatalogPtr catalog);
  // From now on nothing is pushed to any worker, so that they may be destroyed.
  void ForgetWorkers() { workers_.clear(); }

  [[nodiscard]] IngestInbox& inbox() { return inbox_; }              // any thread
  [[nodiscard]] const IngestStats& stats() const { return stats_; }  // any thread
  [[nodiscard]] Broker& broker() { return *broker_; }

 private:
  struct Channel;

  // BrokerHandler
  void OnSubscribed(std::string_view name) override;
  void OnSubscribeFailed(std::string_view name, std::string_view reason) override;
  void OnResumed(std::string_view name) override;
  void OnMessage(std::string_view name, std::string_view payload) override;
  void OnEvent(std::string_view name, const Message& event) override;
  void OnOversized(std::string_view name, uint64_t size) override;
  void OnSourceDown() override;
  void OnChannelDown(std::string_view name) override;
  void OnEnded(std::string_view name) override;

  void Handle(SubscribeCommand& command);
  void Handle(UnsubscribeCommand& command);
  void Handle(PublishCommand& command);
  void Handle(OwnMessageCommand& command);

  [[nodiscard]] Broker& BrokerOf(const config::Topic& topic);
  [[nodiscard]] Channel* Find(std::string_view name);
  [[nodiscard]] Result<Channel*> FindOrMake(const TopicEntryPtr& entry, const std::string& name);
  void Erase(const std::string& name);
  void Tell(uint32_t worker, HubEvent event);
  void SendLive(Channel& channel, uint32_t worker);
  void BecomeLive(Channel& channel);
  [[nodiscard]] Result<FrameRef> Deliver(Channel& channel, Result<Message> message);
  // Counts a message that nobody gets, and says so.
  void Drop(const Channel& channel, std::string_view why, std::string_view advice);
  void DeliverGap(Channel& channel, GapReason reason);
  void Spread(Channel& channel, FrameRef frame, GapReason gap_reason);
  void Reply(const PublishCommand& command, Result<std::string> id);
  void Sweep();

  // What there is once for all channels of an entry, by its name. Publishers and clients can cause
  // the lines as often as they like.
  struct Shared {
    uint32_t channels = 0;
    LogThrottle dropped;
    LogThrottle refused;
  };

  event::Loop& loop_;
  CatalogPtr catalog_;
  IngestStats stats_;
  std::vector<HubInbox*> workers_;
  std::unordered_map<std::string, std::unique_ptr<Channel>> channels_;
  std::unordered_map<const TopicCounters*, Shared> shared_;
  std::string epoch_prefix_;
  uint32_t next_channel_id_ = 1;
  MessageDecoder decoder_;
  FrameEncoder encoder_;
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<Broker> upstream_broker_;  // null if no topic has Source::kUpstream
  MemoryBroker own_;  // of topics whose messages come from this process itself
  std::unique_ptr<event::Timer> sweep_;
  std::unique_ptr<event::Waker> waker_;  // before inbox_: it is what the inbox wakes
  IngestInbox inbox_;
};

}  // namespace sluice::pubsub
