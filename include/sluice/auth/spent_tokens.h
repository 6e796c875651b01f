// Tokens that expired while their stream was open: a client that comes back with one unchanged is
// told to stay away (204) instead of 401. Any thread, without locks.
//
// A fixed table of fingerprints; the latest of those that share a slot is remembered. One that is
// forgotten gets 401.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace sluice::auth {

class SpentTokens {
 public:
  static constexpr size_t kSlots = size_t{1} << 14;

  SpentTokens() : slots_(kSlots) {}

  void Add(uint64_t fingerprint) {
    Slot(fingerprint).store(fingerprint, std::memory_order_relaxed);
  }
  [[nodiscard]] bool Has(uint64_t fingerprint) {
    return Slot(fingerprint).load(std::memory_order_relaxed) == fingerprint;
  }

 private:
  // A fingerprint is evenly spread: it is of a SHA-256.
  [[nodiscard]] std::atomic<uint64_t>& Slot(uint64_t fingerprint) {
    return slots_[(fingerprint >> 1) % kSlots];
  }

  std::vector<std::atomic<uint64_t>> slots_;
};

}  // namespace sluice::auth
