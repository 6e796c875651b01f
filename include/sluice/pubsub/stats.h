// What the pub/sub core counts, and the closed lists that label it. Each struct is written by the
// one thread that owns it and read by any (see base/counter.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
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
};
constexpr std::array<std::string_view, 7> kCloseReasonNames = {
    "client_closed", "client_reset", "client_timeout", "slow_client",
    "drained",       "expired",      "stopped"};
[[nodiscard]] constexpr std::string_view Name(CloseReason reason) {
  return kCloseReasonNames[static_cast<size_t>(reason)];
}

// One worker's counters of one entry of `topics:`.
struct TopicStats {
  Counter topics;  // live now
  Counter subscribers;
  std::array<Counter, kGapReasonNames.size()> gaps;  // told to subscribers
};

// One worker's counters.
struct HubStats {
  explicit HubStats(size_t topic_configs) : topics(topic_configs) {}
  std::vector<TopicStats> topics;  // by index in Config::topics
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
  explicit IngestStats(size_t topic_configs) : events(topic_configs), dropped(topic_configs) {}
  std::vector<Counter> events;   // by index in Config::topics
  std::vector<Counter> dropped;  // messages refused: too large, or not of the topic's format
  Counter channels;
  Counter published;
  Counter publish_failures;
};

}  // namespace sluice::pubsub
