#include "sluice/base/place_table.h"

#include <algorithm>
#include <bit>

namespace sluice {
namespace {

constexpr size_t kWays = 8;
constexpr uint64_t kCountMask = 0xFF'FFFF;  // 16 million places of one key
constexpr int kTries = 4;

}  // namespace

// Twice the keys, so that hardly any finds its slots taken by others.
PlaceTable::PlaceTable(size_t keys)
    : slots_(keys == 0 ? 0 : std::bit_ceil(std::max(keys * 2, kWays))) {}

PlaceTable::Taken PlaceTable::Take(uint64_t key) {
  if (slots_.empty()) return {};
  const uint64_t tag = key & ~kCountMask;  // the low bits choose the slots
  const size_t sets = slots_.size() / kWays;
  std::atomic<uint64_t>* const set = &slots_[(key % sets) * kWays];
  // Another thread may take the slot first; then the search begins anew.
  for (int attempt = 0; attempt < kTries; ++attempt) {
    std::atomic<uint64_t>* found = nullptr;
    uint64_t seen = 0;
    for (std::atomic<uint64_t>* slot = set; slot < set + kWays; ++slot) {
      const uint64_t value = slot->load(std::memory_order_relaxed);
      const bool mine = (value & ~kCountMask) == tag && (value & kCountMask) != 0;
      if (!mine && (found != nullptr || (value & kCountMask) != 0)) continue;
      found = slot;
      seen = value;
      if (mine) break;
    }
    if (found == nullptr) return {};
    const uint64_t count = seen & kCountMask;
    if (count == kCountMask) return {};
    if (found->compare_exchange_strong(seen, tag | (count + 1), std::memory_order_relaxed)) {
      return {Place(found), static_cast<uint32_t>(count + 1)};
    }
  }
  return {};
}

}  // namespace sluice
