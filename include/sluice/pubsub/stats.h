// What the pub/sub core counts, and the closed lists that label it. Each struct is written by the
// one thread that owns it and read by any (see base/counter.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/base/counter.h"

namespace sluice::pubsub {

// Why a subscriber may have missed something. Also the `reason` in a sluice.gap event.
enum class GapReason : uint8_t { kEvicted, kUnknownId, kSlow, kSourceLost, kTooLarge };
constexpr std::array<std::string_view, 5> kGapReasonNames = {"evicted", "unknown_id", "slow",
                                                             "source_lost", "too_large"};
[[nodiscard]] constexpr std::string_view Name(GapReason reason) {
  return kGapReasonNames[static_cast<size_t>(reason)];
}

// Why a stream ended: in its log line and in sluice_disconnects_total.
enum class CloseReason : uint8_t {
  kClientClosed,   // FIN
  kClientReset,    // RST, or a write that failed
  kClientTimeout,  // acknowledged nothing for limits.write_timeout
  kSlowClient,     // fell further behind than slow_client.buffer allows
  kDrained,        // ended cleanly at a drain
  kExpired,        // its token's time was over; ended cleanly
  kStopped,        // cut at the drain's deadline or by a second signal
  kReloaded,       // a reload removed its topic, or changed who may read it; ended cleanly
  kSourceEnded,    // its source says that nothing more will come; ended cleanly
};
constexpr std::array<std::string_view, 9> kCloseReasonNames = {
    "client_closed", "client_reset", "client_timeout", "slow_client", "drained",
    "expired",       "stopped",      "reloaded",       "source_ended"};
[[nodiscard]] constexpr std::string_view Name(CloseReason reason) {
  return kCloseReasonNames[static_cast<size_t>(reason)];
}

// One worker's counters of one entry of `topics:`.
struct alignas(64) TopicStats {  // a cache line of each worker's own
  Counter topics;                // live now
  Counter subscribers;
  std::array<Counter, kGapReasonNames.size()> gaps;  // told to subscribers
};

// Of the streams of upstreams that are a topic's source. The ingest thread's.
struct SourceCounters {
  Counter open;        // now
  Counter lost;        // connecting, or waiting for the next try, now
  Counter reconnects;  // times that one was opened again
  Counter failures;    // streams lost, and attempts that failed
};

// What all threads count of the entries of `topics:` that have this name. Lives as long as the
// gateway, whatever reloads do.
struct TopicCounters {
  TopicCounters(std::string topic_name, size_t worker_count)
      : name(std::move(topic_name)), workers(worker_count) {}

  // Of all workers. Any thread.
  template <class Value>
  [[nodiscard]] uint64_t Sum(const Value& value) const {
    uint64_t sum = 0;
    for (const TopicStats& worker : workers) sum += value(worker);
    return sum;
  }

  const std::string name;
  std::vector<TopicStats> workers;  // by the worker's number
  SourceCounters source;
  Counter events;   // these two are the ingest thread's
  Counter dropped;  // messages refused: too large, or not of the topic's format
};

// One worker's counters.
struct HubStats {
  Counter deliveries;
  Counter delivery_bytes;
  Counter replayed;
  Counter heartbeats;
  Counter behind;  // subscribers that are not caught up now
  std::array<Counter, kCloseReasonNames.size()> disconnects;
  DurationHistogram fanout;  // from the broker's message to the last socket of a pass
};

// The ingest thread's counters.
struct IngestStats {
  Counter channels;
  Counter published;
  Counter publish_failures;
};

}  // namespace sluice::pubsub
