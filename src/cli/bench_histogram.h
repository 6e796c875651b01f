// Latencies in logarithmic buckets, as HdrHistogram keeps them: 128 buckets to each power of two,
// so a percentile is at most 0.8 % above the truth, from 1 ns to more than an hour. Plain memory of
// a fixed size: it may lie in a shared mapping. One writer; read it when the writer is done.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace sluice::cli::bench {

class Histogram {
 public:
  void Record(uint64_t value) {
    value = std::min(value, kMaxValue);
    ++buckets_[IndexOf(value)];
    ++count_;
    sum_ += value;
    max_ = std::max(max_, value);
  }
  void Merge(const Histogram& other);

  // The smallest recorded value that `percent` of all values do not exceed, rounded up to its
  // bucket's end; 0 when empty.
  [[nodiscard]] uint64_t Percentile(double percent) const;

  [[nodiscard]] uint64_t count() const { return count_; }
  [[nodiscard]] uint64_t max() const { return max_; }
  [[nodiscard]] double Mean() const {
    return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
  }

 private:
  static constexpr unsigned kSubBits = 7;
  static constexpr unsigned kValueBits = 42;
  static constexpr uint64_t kMaxValue = (uint64_t{1} << kValueBits) - 1;
  static constexpr size_t kBuckets = size_t{kValueBits - kSubBits + 1} << kSubBits;

  static size_t IndexOf(uint64_t value) {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    const unsigned shift = width > kSubBits + 1 ? width - kSubBits - 1 : 0;
    return (size_t{shift} << kSubBits) + (value >> shift);
  }
  static uint64_t HighestIn(size_t index);

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  uint64_t max_ = 0;
};

}  // namespace sluice::cli::bench
