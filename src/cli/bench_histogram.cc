#include "cli/bench_histogram.h"

#include <cmath>

namespace sluice::cli::bench {

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

uint64_t Histogram::Percentile(double percent) const {
  if (count_ == 0) return 0;
  const double exact = std::ceil(static_cast<double>(count_) * percent / 100.0);
  const uint64_t rank = std::clamp<uint64_t>(static_cast<uint64_t>(exact), 1, count_);
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::min(HighestIn(i), max_);
  }
  return max_;
}

uint64_t Histogram::HighestIn(size_t index) {
  const size_t row = index >> kSubBits;
  const size_t shift = row > 1 ? row - 1 : 0;
  const uint64_t mantissa = index - (shift << kSubBits);
  return ((mantissa + 1) << shift) - 1;
}

}  // namespace sluice::cli::bench
