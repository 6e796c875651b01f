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
  static constexpr std::array<double, 17> kBounds = {
      0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
      0.05,    0.1,    0.25,    0.5,    1,     2.5,    5,     10};
  // How many were in each bucket; the last holds what is longer than the last bound.
  using Counts = std::array<uint64_t, kBounds.size() + 1>;

  // Writer only.
  void Observe(uint64_t ns) {
    size_t bucket = 0;
    while (bucket < kBounds.size() && ns > kBoundsNs[bucket]) ++bucket;
    buckets_[bucket].Add();
    sum_ns_.Add(ns);
  }
  // Any thread. `n` as in Counts.
  [[nodiscard]] uint64_t bucket(size_t n) const { return buckets_[n].Get(); }
  [[nodiscard]] uint64_t sum_ns() const { return sum_ns_.Get(); }

 private:
  static constexpr std::array<uint64_t, kBounds.size()> kBoundsNs = [] {
    std::array<uint64_t, kBounds.size()> bounds{};
    for (size_t i = 0; i < bounds.size(); ++i) {
      bounds[i] = static_cast<uint64_t>(kBounds[i] * 1e9 + 0.5);
    }
    return bounds;
  }();

  std::array<Counter, std::tuple_size_v<Counts>> buckets_;
  Counter sum_ns_;
};

}  // namespace sluice
