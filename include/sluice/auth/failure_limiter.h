// How often an address may fail to authenticate. Several clients retry a 401 for ever; what they
// cost is bounded here. Only failures count: a good token is let in whatever others behind the same
// address do. Any thread, without locks.
//
// A fixed table of slots, each with the time at which its address will have no failure on record
// (GCRA: a bucket of `burst` failures that drains evenly over a minute). Two addresses in one slot
// share its bucket.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace sluice::auth {

class FailureLimiter {
 public:
  static constexpr size_t kSlots = size_t{1} << 14;

  // `per_minute` failures of one address at once, and as many in each minute; 0: no limit.
  explicit FailureLimiter(uint32_t per_minute);

  // Counts a failure. Null: it may be answered as it is. Else the address is over its limit, and
  // the value says in how many ms one failure will be allowed again.
  [[nodiscard]] std::optional<uint64_t> Count(std::string_view address, uint64_t now_ms);

 private:
  uint32_t per_minute_;
  uint64_t seed_;
  std::vector<std::atomic<uint64_t>> slots_;  // microseconds on the caller's clock
};

}  // namespace sluice::auth
