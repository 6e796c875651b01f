// Numbers for /metrics: one thread writes, any thread reads. A write is a plain load and store, no
// locked instruction, so they may stand on the data path.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <tuple>

namespace sluice {

class Counter {
 public:
  // Writer only.
  void Add(uint64_t n = 1) { value_.store(Get() + n, std::memory_order_relaxed); }
  void Sub(uint64_t n = 1) { value_.store(Get() - n, std::memory_order_relaxed); }
  void Set(uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  // Any thread.
  [[nodiscard]] uint64_t Get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Durations in buckets that fit both a microsecond and a minute (upper bounds in seconds).
class DurationHistogram {
 public:
  static constexpr std::array<uint64_t, 17> kBoundsUs = {
      50,     100,     250,     500,     1'000,     2'500,     5'000,     10'000,    25'000,
      50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000};
  static constexpr std::array<double, kBoundsUs.size()> kBounds = [] {
    std::array<double, kBoundsUs.size()> seconds{};
    for (size_t i = 0; i < seconds.size(); ++i) {
      seconds[i] = static_cast<double>(kBoundsUs[i]) / 1e6;
    }
    return seconds;
  }();
  // How many were in each bucket; the last holds what is longer than the last bound.
  using Counts = std::array<uint64_t, kBounds.size() + 1>;

  // Writer only.
  void Observe(uint64_t ns) {
    size_t bucket = 0;
    while (bucket < kBoundsUs.size() && ns > kBoundsUs[bucket] * 1000) ++bucket;
    buckets_[bucket].Add();
    sum_ns_.Add(ns);
  }
  // Any thread. `n` as in Counts.
  [[nodiscard]] uint64_t bucket(size_t n) const { return buckets_[n].Get(); }
  [[nodiscard]] uint64_t sum_ns() const { return sum_ns_.Get(); }

 private:
  std::array<Counter, std::tuple_size_v<Counts>> buckets_;
  Counter sum_ns_;
};

}  // namespace sluice
