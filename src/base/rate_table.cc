#include "sluice/base/rate_table.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr size_t kWays = 8;
constexpr uint64_t kNsPerMs = 1'000'000;

}  // namespace

RateTable::RateTable(Rate rate)
    : step_ns_(rate.events == 0 ? 0
                                : std::max<uint64_t>(rate.interval_ms * kNsPerMs / rate.events, 1)),
      depth_ns_(step_ns_ * (rate.burst == 0 ? rate.events : rate.burst)),
      slots_(rate.events == 0 ? 0 : kSlots) {}

std::optional<uint64_t> RateTable::Take(uint64_t key, uint64_t now_ms) {
  if (step_ns_ == 0) return std::nullopt;
  const uint64_t now = now_ms * kNsPerMs;
  std::atomic<uint64_t>& slot = Find(std::max<uint64_t>(key, 1), now);
  uint64_t full_at = slot.load(std::memory_order_relaxed);
  uint64_t next = 0;
  do {
    next = std::max(full_at, now) + step_ns_;
    if (next > now + depth_ns_) return (next - depth_ns_ - now + kNsPerMs - 1) / kNsPerMs;
  } while (!slot.compare_exchange_weak(full_at, next, std::memory_order_relaxed));
  return std::nullopt;
}

std::atomic<uint64_t>& RateTable::Find(uint64_t key, uint64_t now_ns) {
  Slot* const set = &slots_[(key % (kSlots / kWays)) * kWays];
  for (;;) {
    Slot* oldest = nullptr;
    uint64_t oldest_time = UINT64_MAX;
    uint64_t oldest_key = 0;
    for (Slot* slot = set; slot < set + kWays; ++slot) {
      const uint64_t owner = slot->key.load(std::memory_order_relaxed);
      if (owner == key) return slot->full_at;
      const uint64_t time = slot->full_at.load(std::memory_order_relaxed);
      if (oldest != nullptr && time >= oldest_time) continue;
      oldest = slot;
      oldest_time = time;
      oldest_key = owner;
    }
    // If another thread was faster, the key may be there now.
    if (!oldest->key.compare_exchange_strong(oldest_key, key, std::memory_order_relaxed)) continue;
    if (oldest_time > now_ns) {
      oldest->full_at.compare_exchange_strong(oldest_time, now_ns, std::memory_order_relaxed);
    }
    return oldest->full_at;
  }
}

}  // namespace sluice
