#include "sluice/auth/failure_limiter.h"

#include <algorithm>
#include <functional>

#include "sluice/base/random.h"

namespace sluice::auth {
namespace {

constexpr uint64_t kMinuteUs = 60'000'000;

}  // namespace

FailureLimiter::FailureLimiter(uint32_t per_minute)
    : per_minute_(per_minute), seed_(RandomU64()), slots_(per_minute == 0 ? 0 : kSlots) {}

std::optional<uint64_t> FailureLimiter::Count(std::string_view address, uint64_t now_ms) {
  if (per_minute_ == 0) return std::nullopt;
  const uint64_t hash = (std::hash<std::string_view>()(address) ^ seed_) * 0x9E3779B97F4A7C15U;
  std::atomic<uint64_t>& slot = slots_[(hash >> 32) % kSlots];
  const uint64_t now = now_ms * 1000;
  const uint64_t step = kMinuteUs / per_minute_;
  uint64_t clear_at = slot.load(std::memory_order_relaxed);
  uint64_t next = 0;
  do {
    next = std::max(clear_at, now) + step;
    if (next > now + kMinuteUs) return (next - kMinuteUs - now + 999) / 1000;
  } while (!slot.compare_exchange_weak(clear_at, next, std::memory_order_relaxed));
  return std::nullopt;
}

}  // namespace sluice::auth
