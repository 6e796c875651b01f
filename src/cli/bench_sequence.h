// Checks that one connection gets every event once and in order. Knows the latest 64 numbers, so
// that an event that comes late is told apart from one that comes twice. One thread.
#pragma once

#include <cstdint>

namespace sluice::cli::bench {

struct SequenceFaults {
  uint64_t lost = 0;
  uint64_t duplicates = 0;
  uint64_t reordered = 0;  // came after a later one; not lost
};

class SequenceCheck {
 public:
  // `sequence` counts from 1. Adds what is wrong to `faults`.
  void Saw(uint64_t sequence, SequenceFaults& faults) {
    if (sequence == last_ + 1) {
      last_ = sequence;
      seen_ = (seen_ << 1) | 1U;
    } else {
      SawOutOfOrder(sequence, faults);
    }
  }

  // The server makes the events and has done so for a while: `sequence` is the first to be
  // expected.
  void StartAt(uint64_t sequence) { last_ = sequence - 1; }

  [[nodiscard]] uint64_t last() const { return last_; }

 private:
  static constexpr uint64_t kWindow = 64;

  void SawOutOfOrder(uint64_t sequence, SequenceFaults& faults) {
    if (sequence > last_) {
      const uint64_t skipped = sequence - last_ - 1;
      faults.lost += skipped;
      seen_ = skipped + 1 < kWindow ? (seen_ << (skipped + 1)) | 1U : 1U;
      last_ = sequence;
      return;
    }
    const uint64_t age = last_ - sequence;
    const uint64_t bit = age < kWindow ? uint64_t{1} << age : 0;
    if (bit == 0 || (seen_ & bit) != 0) {
      ++faults.duplicates;
      return;
    }
    seen_ |= bit;
    ++faults.reordered;
    if (faults.lost > 0) --faults.lost;
  }

  uint64_t last_ = 0;
  uint64_t seen_ = 0;  // bit n: number last_ - n came
};

}  // namespace sluice::cli::bench
