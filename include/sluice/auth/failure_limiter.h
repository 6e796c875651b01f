// How often an address may fail to authenticate. Several clients retry a 401 for ever; what they
// cost is bounded here. Only failures count: a good token is let in whatever others behind the same
// address do. Any thread, without locks. What it forgets when many addresses fail at once: see
// base/rate_table.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sluice/base/keyed_hash.h"
#include "sluice/base/rate_table.h"

namespace sluice::auth {

class FailureLimiter {
 public:
  // `per_minute` failures of one address at once, and as many in each minute; 0: no limit.
  explicit FailureLimiter(uint32_t per_minute)
      : table_({.events = per_minute, .interval_ms = 60'000, .burst = 0}) {}

  // Counts a failure. Null: it may be answered as it is. Else the address is over its limit, and
  // the value says in how many ms one failure will be allowed again.
  [[nodiscard]] std::optional<uint64_t> Count(std::string_view address, uint64_t now_ms) {
    return table_.Take(hash_(address), now_ms);
  }

 private:
  KeyedHash hash_;
  RateTable table_;
};

}  // namespace sluice::auth
