// A topic's recent frames, oldest first, bounded by number, bytes and age. Positions are sequence
// numbers without holes: a subscriber that is behind is a position in here and nothing more.
// One thread. Each worker has its own Ring over the shared frames, and so has the ingest thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "sluice/config/config.h"
#include "sluice/pubsub/frame.h"

namespace sluice::pubsub {

class Ring {
 public:
  explicit Ring(const config::History& limits) : limits_(limits) {}

  // Appends; the frame's sequence must be next(), except for the first one after Reset.
  void Push(FrameRef frame);

  // Drops what is over the limits, but nothing from `needed` on: those frames are still to be
  // sent to subscribers that are caught up. Even those go when they are more than kMaxPendingBytes.
  void Trim(uint64_t now_ns, uint64_t needed);

  // From the next Trim on.
  void SetLimits(const config::History& limits) { limits_ = limits; }

  // Forgets everything; the next frame pushed will have sequence `next`.
  void Reset(uint64_t next);

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] uint64_t first() const { return next_ - size_; }  // oldest frame's sequence
  [[nodiscard]] uint64_t next() const { return next_; }           // one past the newest
  // REQUIRES: first() <= sequence < next().
  [[nodiscard]] const FrameRef& At(uint64_t sequence) const { return slots_[Slot(sequence)].frame; }
  // Wire bytes of the frames from `sequence` (at least first()) to the newest.
  [[nodiscard]] uint64_t BytesFrom(uint64_t sequence) const;
  // The newest frame with this id line. Publishers choose ids, so it is a search, newest first.
  [[nodiscard]] std::optional<uint64_t> FindId(std::string_view id) const;

  // What frames that wait for a pass may hold beyond the limits, in bytes.
  static constexpr uint64_t kMaxPendingBytes = 64ULL * 1024 * 1024;

 private:
  struct Entry {
    FrameRef frame;
    uint64_t bytes_before = 0;  // of all frames ever pushed before this one
  };

  [[nodiscard]] size_t Slot(uint64_t sequence) const { return sequence & (slots_.size() - 1); }
  void PopOldest();
  void Grow();

  config::History limits_;
  std::vector<Entry> slots_;  // a power of two, indexed by the sequence's low bits
  size_t size_ = 0;
  uint64_t next_ = 1;
  uint64_t total_bytes_ = 0;  // of all frames ever pushed
};

}  // namespace sluice::pubsub
