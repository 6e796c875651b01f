// Publishes on a fixed schedule (open loop): event n is due at start + (n - 1) / rate whatever
// became of the ones before it, and carries that intended time. A publisher that comes late sends
// what is due at once, so a stall of anything shows in the latencies. One thread: the process's
// own.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cli/bench_board.h"
#include "cli/bench_protocol.h"

namespace sluice::cli::bench {

struct Schedule {
  double rate = 1;      // events a second
  uint64_t events = 0;  // in all
  size_t payload_bytes = 0;

  // Nanoseconds from the start to event `sequence` (from 1).
  [[nodiscard]] uint64_t OffsetNs(uint64_t sequence) const {
    return static_cast<uint64_t>(static_cast<double>(sequence - 1) * 1e9 / rate);
  }
};

// Connects, waits for commands.publish_from_ns, publishes everything and waits for the replies.
// Returns early on commands.stop. Errors go to the board.
void RunPublisher(const PublishTarget& target, const Schedule& schedule, const Commands& commands,
                  PublisherBoard& board);

}  // namespace sluice::cli::bench
