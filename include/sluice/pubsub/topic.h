// A worker's replica of one topic: its ring and its lanes. Worker thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sluice/config/config.h"
#include "sluice/pubsub/catalog.h"
#include "sluice/pubsub/ingest_link.h"
#include "sluice/pubsub/lane.h"
#include "sluice/pubsub/ring.h"

namespace sluice::pubsub {

class Hub;

class Topic {
 public:
  Topic(Hub& hub, uint32_t worker, TopicEntryPtr entry, std::string channel)
      : ring(entry->config.history),
        hub_(hub),
        entry_(std::move(entry)),
        stats_(entry_->counters.workers[worker]),
        channel_(std::move(channel)) {}

  // After a reload that changed its settings. REQUIRES: an entry of the same name.
  void SetEntry(TopicEntryPtr entry);
  // Takes over what the broker's side is: history, ids, state. REQUIRES: no subscriber yet.
  void ContinueFrom(const Topic& before);

  // Where a client that asks with this Last-Event-ID goes on, and what it must be told.
  struct ResumePoint {
    uint64_t cursor = 0;
    bool gap = false;
    GapReason reason = GapReason::kUnknownId;
  };
  // An empty id means a newcomer: it gets the latest replay.initial events that match.
  [[nodiscard]] ResumePoint Resume(std::string_view last_event_id, const Filter& filter) const;

  // The lane for this filter and framing, made if need be.
  [[nodiscard]] Lane& LaneFor(const Filter& filter, Framing framing);
  // Deletes lanes without subscribers.
  void DropEmptyLanes();
  [[nodiscard]] const std::vector<std::unique_ptr<Lane>>& lanes() const { return lanes_; }

  [[nodiscard]] const config::Topic& config() const { return entry_->config; }
  [[nodiscard]] const TopicEntryPtr& entry() const { return entry_; }
  [[nodiscard]] TopicStats& stats() { return stats_; }
  [[nodiscard]] const std::string& channel() const { return channel_; }
  [[nodiscard]] size_t subscribers() const;
  // "<epoch>.<sequence>", the id of that event.
  [[nodiscard]] std::string IdOf(uint64_t sequence) const;

  Ring ring;
  std::string epoch;
  uint32_t channel_id = 0;
  bool live = false;            // the broker acknowledged, and its link has not been lost since
  bool ended = false;           // nothing more will come: see EndedEvent
  uint64_t empty_since_ms = 0;  // when the last subscriber left
  uint64_t retired_ms = 0;      // when a reload ended it
  SharedCount total_subscribers;

 private:
  Hub& hub_;
  TopicEntryPtr entry_;
  TopicStats& stats_;
  std::string channel_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace sluice::pubsub
