// What workers and the ingest thread tell each other. Values only: no pointer into either thread's
// state crosses, except shared immutable frames and the counter of a topic's subscribers.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "sluice/base/inbox.h"
#include "sluice/base/result.h"
#include "sluice/pubsub/catalog.h"
#include "sluice/pubsub/frame.h"
#include "sluice/pubsub/stats.h"

namespace sluice::pubsub {

// --- to ingest ---

struct SubscribeCommand {
  uint32_t worker = 0;
  TopicEntryPtr entry;
  std::string channel;
};

struct UnsubscribeCommand {
  uint32_t worker = 0;
  std::string channel;
};

struct PublishCommand {
  uint32_t worker = 0;
  uint64_t ticket = 0;  // comes back in PublishedEvent
  TopicEntryPtr entry;
  std::string channel;
  std::string event;  // empty: none
  std::string id;     // empty: the gateway gives one
  std::string data;
};

// A message of a topic that no broker carries (config::Source::kMetrics). From the main thread.
struct OwnMessageCommand {
  TopicEntryPtr entry;
  std::string data;  // of the topic's format
};

using IngestCommand =
    std::variant<SubscribeCommand, UnsubscribeCommand, PublishCommand, OwnMessageCommand>;
using IngestInbox = Inbox<IngestCommand>;

// --- ingest to worker ---

// Subscribers of a channel on all workers together, for limits.subscribers of its topic.
using SharedCount = std::shared_ptr<std::atomic<uint32_t>>;

// The broker acknowledged: what is published from now on arrives as FrameEvents. Comes again, with
// the same epoch, when the channel was subscribed anew after the link had been lost.
struct LiveEvent {
  std::string channel;
  uint32_t channel_id = 0;  // names the channel in FrameEvents
  std::string epoch;
  uint64_t next = 1;  // sequence of the first frame after the backlog
  std::vector<FrameRef> backlog;
  SharedCount subscribers;
};

struct RefusedEvent {
  std::string channel;
  Error error;
};

struct FrameEvent {
  uint32_t channel_id = 0;
  FrameRef frame;
  GapReason gap_reason = GapReason::kSourceLost;  // if the frame is a gap
};

// The link to the broker is down: no topic of the broker is live until its next LiveEvent. With a
// channel, that one alone.
struct SourceDownEvent {
  std::string channel;
};

// Nothing more will come on the channel: its streams are to end, and clients to stay away.
struct EndedEvent {
  std::string channel;
};

struct PublishedEvent {
  uint64_t ticket = 0;
  Result<std::string> id;
};

using HubEvent =
    std::variant<LiveEvent, RefusedEvent, FrameEvent, SourceDownEvent, EndedEvent, PublishedEvent>;
// A worker empties its inbox each turn, and a turn is a slice of sends long; what it cannot deliver
// waits in its rings, which are bounded. So the inbox holds what the broker sends in some
// milliseconds.
using HubInbox = Inbox<HubEvent>;

}  // namespace sluice::pubsub
