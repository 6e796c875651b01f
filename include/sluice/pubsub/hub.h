// The pub/sub core of one worker: its topics, their subscribers, and the passes that deliver to
// them. Worker thread only. It talks to the ingest thread by two inboxes and to nothing else.
//
// All frames that arrived in one turn of the loop go out in one pass per lane, in slices of
// kSliceSends sends, with a turn of the loop between two slices.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sluice/base/place_table.h"
#include "sluice/config/config.h"
#include "sluice/event/loop.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/pubsub/catalog.h"
#include "sluice/pubsub/ingest_link.h"
#include "sluice/pubsub/stats.h"
#include "sluice/pubsub/topic.h"

namespace sluice::pubsub {

// What a connection wants before it has become a subscriber. The hub calls back exactly once, in a
// later turn or at once, unless the waiter is destroyed first.
class Waiter {
 public:
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  virtual ~Waiter();

  // The broker acknowledged: subscribe now (Hub::Attach), in this call.
  virtual void OnLive(Topic& topic) = 0;
  virtual void OnRefused(const Error& error) = 0;

 private:
  friend class Hub;
  Hub* hub_ = nullptr;  // null when not waiting
  std::string channel_;
};

// How a connection subscribes.
struct Subscription {
  std::unique_ptr<net::Stream> stream;
  uint64_t connection_id = 0;
  Framing framing = Framing::kChunked;
  Filter filter;
  std::string last_event_id;  // empty: a newcomer
  std::string first_bytes;    // the response head and what follows it, ready for the wire
  std::string subject;        // who it is, for the log; empty: unknown
  std::optional<uint64_t> expires_in_ms;  // then it is told so by sluice.expired, and ended
  std::function<void()> on_expired;       // called at that time; may be null
  Place place;                            // given back when the stream ends
};

// Numbers shared by all workers of the process.
struct ProcessCounts {
  std::atomic<uint32_t> subscribers{0};
};

// A `retry:` for one client, in ms: base and a share of the jitter, so that clients do not all come
// back at once.
[[nodiscard]] uint32_t RetryHint(const config::Topic& config);

class Hub {
 public:
  // Sends between two turns of the loop: some milliseconds.
  static constexpr size_t kSliceSends = 1024;

  using PublishCallback = std::function<void(Result<std::string> id)>;

  Hub(event::Loop& loop, CatalogPtr catalog, uint32_t worker, IngestInbox& ingest,
      ProcessCounts& counts, size_t slice_sends = kSliceSends);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // The door for the ingest thread; it wakes this hub's loop. Any thread may push.
  [[nodiscard]] HubInbox& inbox() { return inbox_; }

  // After a reload; REQUIRES: the ingest thread has had it. Topics that did not change notice
  // nothing; the streams of those that end (see TopicChange) get a jittered `retry:` and their end,
  // some thousands a turn, and waiters for them kClosed.
  void SetCatalog(CatalogPtr catalog);

  // Wants a live topic. `entry` may be of an older catalog than the hub's; if it has changed since,
  // so that the answer may be another, the waiter is refused with kClosed.
  void Await(const TopicEntryPtr& entry, const std::string& channel, Waiter& waiter);

  // Makes a subscriber of a connection, for ever or until it closes. REQUIRES: within OnLive, or
  // topic.live.
  void Attach(Topic& topic, Subscription subscription);

  // Why a further subscriber of this topic must be refused, if it must.
  [[nodiscard]] Result<> CheckRoom(const Topic& topic) const;

  // Publishes through the broker; `done` comes once, in a later turn. Destroying the hub drops it.
  // Returns a ticket for ForgetPublish.
  uint64_t Publish(TopicEntryPtr entry, std::string channel, std::string event, std::string id,
                   std::string data, PublishCallback done);
  void ForgetPublish(uint64_t ticket) { publishes_.erase(ticket); }

  // Ends all streams evenly over `spread_ms`, each with a jittered `retry:`; calls `drained` when
  // none is left.
  void Drain(uint64_t spread_ms, std::function<void()> drained);
  // Cuts all streams now.
  void CloseAll(CloseReason reason);

  [[nodiscard]] const HubStats& stats() const { return stats_; }
  [[nodiscard]] size_t subscribers() const { return subscribers_; }
  [[nodiscard]] uint32_t now_s() const { return now_s_; }

  // --- for Lane and Subscriber ---
  [[nodiscard]] HubStats& mutable_stats() { return stats_; }
  [[nodiscard]] event::Loop& loop() { return loop_; }
  // The one end of every subscriber: takes it out of its lane, logs, counts, deletes it later.
  void Close(Subscriber& subscriber, CloseReason reason);
  void QueueLane(Lane& lane);

 private:
  friend class Waiter;

  void OnInbox();
  void Handle(LiveEvent& event);
  void Handle(RefusedEvent& event);
  void Handle(FrameEvent& event);
  void Handle(SourceDownEvent& event);
  void Handle(EndedEvent& event);
  void Handle(PublishedEvent& event);

  void Append(Topic& topic, const FrameRef& frame);
  void WakeWaiters(Topic& topic);
  void RefuseWaiters(const std::string& channel, const Error& error);
  void EndStreams(Topic& topic);
  void Forget(Waiter& waiter);
  void Flush();
  void Tick();
  void TickTopic(Topic& topic);
  void DrainSome();
  void RemoveTopic(const std::string& channel);
  void Forget(const Topic& topic);
  // What a reload does to a topic whose streams end. With a successor its channel goes on in that.
  void Retire(const std::string& channel, TopicEntryPtr successor);
  void EndRetired();
  [[nodiscard]] static Error Changed();
  void Finish(Topic& topic, Lane& lane, Subscriber& subscriber, CloseReason reason);

  event::Loop& loop_;
  CatalogPtr catalog_;
  uint32_t worker_;
  IngestInbox& ingest_;
  ProcessCounts& counts_;
  size_t slice_sends_;
  HubStats stats_;
  size_t subscribers_ = 0;
  uint32_t now_s_;  // as of the last tick

  event::TimerWheel expiries_;
  std::unordered_map<std::string, std::unique_ptr<Topic>> topics_;
  std::unordered_map<uint32_t, Topic*> by_channel_id_;
  std::unordered_map<std::string, std::vector<Waiter*>> waiters_;
  std::unordered_map<uint64_t, PublishCallback> publishes_;
  uint64_t next_ticket_ = 1;
  std::deque<Lane*> work_;                       // lanes with frames to send
  std::vector<std::unique_ptr<Topic>> retired_;  // whose streams a reload ends

  // Drain.
  std::function<void()> drained_;
  uint64_t drain_started_ms_ = 0;
  uint64_t drain_spread_ms_ = 0;
  size_t drain_total_ = 0;
  size_t drain_begun_ = 0;

  std::unique_ptr<event::Idle> next_slice_;
  bool slicing_ = false;
  std::unique_ptr<event::Timer> tick_;
  std::unique_ptr<event::Timer> drain_timer_;
  std::unique_ptr<event::Timer> retire_timer_;
  std::unique_ptr<event::Waker> waker_;  // before inbox_: it is what the inbox wakes
  HubInbox inbox_;
};

}  // namespace sluice::pubsub
