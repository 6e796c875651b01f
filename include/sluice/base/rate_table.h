// How often each of many keys may do something: a token bucket for each, as the time at which it
// will be full again (GCRA). Any thread, without locks.
//
// A fixed table, 256 KiB, whatever the number of keys. A key lives in one of a few slots that its
// hash chooses. A slot whose bucket is full is as good as empty, so only keys that were active
// within the last burst / rate count. Where all slots of a key are in use, the one that is nearest
// to a full bucket is forgotten: of two errors, that lets one too many through and refuses nobody.
// Two threads that meet in a slot may let one more through.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sluice {

struct Rate {
  uint32_t events = 0;  // in each interval; 0: no limit
  uint64_t interval_ms = 1'000;
  uint32_t burst = 0;  // at once; 0: as many as `events`
};

class RateTable {
 public:
  static constexpr size_t kSlots = size_t{1} << 14;

  explicit RateTable(Rate rate);

  // Counts one event of `key`, an evenly spread hash (base/keyed_hash.h). Null: it is within the
  // rate. Else it was not counted, and the value says in how many ms one will be allowed.
  // `now_ms` is of a clock that never goes back.
  [[nodiscard]] std::optional<uint64_t> Take(uint64_t key, uint64_t now_ms);

 private:
  struct Slot {
    std::atomic<uint64_t> key{0};      // 0: nobody's
    std::atomic<uint64_t> full_at{0};  // nanoseconds on the caller's clock
  };

  [[nodiscard]] std::atomic<uint64_t>& Find(uint64_t key, uint64_t now_ns);

  uint64_t step_ns_;  // what one event takes out of the bucket; 0: no limit
  uint64_t depth_ns_;
  std::vector<Slot> slots_;
};

}  // namespace sluice
