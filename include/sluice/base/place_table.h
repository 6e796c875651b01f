// How many places (connections, streams) each of many keys has at a time. Any thread, without
// locks.
//
// A fixed table with room for a given number of keys, in which a key lives in one of a few slots
// that its hash chooses. What finds no slot is let in without being counted: a full table refuses
// nobody.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace sluice {

// One place, given back when this is destroyed. Empty: none was taken. The table must outlive it.
class Place {
 public:
  Place() = default;
  Place(Place&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
  Place& operator=(Place&& other) noexcept {
    Place taken(std::move(other));
    std::swap(slot_, taken.slot_);
    return *this;
  }
  ~Place() {
    if (slot_ != nullptr) slot_->fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  friend class PlaceTable;
  explicit Place(std::atomic<uint64_t>* slot) : slot_(slot) {}

  std::atomic<uint64_t>* slot_ = nullptr;
};

class PlaceTable {
 public:
  explicit PlaceTable(size_t keys);

  struct Taken {
    Place place;
    uint32_t count = 0;  // of places of that key, with this one; 0: not counted
  };
  // `key` is an evenly spread hash (base/keyed_hash.h). Whoever finds the count too high drops the
  // place.
  [[nodiscard]] Taken Take(uint64_t key);

 private:
  // The key's tag above, the count below; a slot without places is anybody's.
  std::vector<std::atomic<uint64_t>> slots_;
};

}  // namespace sluice
