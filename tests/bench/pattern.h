// What the bodies of the bench's origin are made of, so that the load generator can check every
// byte of them: 4093 bytes over and over. The period is prime: a piece that is lost, repeated or
// out of place does not fit.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::bench {

class Pattern {
 public:
  static constexpr size_t kLongest = size_t{256} * 1024;

  Pattern() {
    constexpr uint32_t kMultiplier = 2654435761U;  // Knuth's, for bytes that look like noise
    bytes_.resize(kPeriod + kLongest);
    for (size_t i = 0; i < bytes_.size(); ++i) {
      const auto mixed = static_cast<uint32_t>(i % kPeriod) * kMultiplier;
      bytes_[i] = static_cast<char>('!' + (mixed >> 24) % 94);
    }
  }

  // The body's bytes from `offset` on: `size` of them, kLongest at most.
  [[nodiscard]] std::string_view At(uint64_t offset, uint64_t size) const {
    return std::string_view(bytes_).substr(static_cast<size_t>(offset % kPeriod),
                                           std::min<size_t>(size, kLongest));
  }

 private:
  static constexpr size_t kPeriod = 4093;
  std::string bytes_;
};

}  // namespace sluice::bench
