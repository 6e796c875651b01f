// One answer to GET /bytes/N as it comes in, checked byte by byte. And the request for it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/pattern.h"

namespace sluice::bench {

class Answer {
 public:
  Answer(const Pattern& pattern, uint64_t body_bytes) : pattern_(&pattern), expected_(body_bytes) {}

  enum class State : uint8_t { kMore, kComplete, kWrong };
  // `bytes` must be all that came: what stands behind a complete answer is wrong.
  State Take(std::string_view bytes);
  // Why it is wrong.
  [[nodiscard]] const std::string& fault() const { return fault_; }
  [[nodiscard]] bool begun() const { return in_body_ || !head_.empty(); }

 private:
  State TakeHead(std::string_view& bytes);
  State Wrong(std::string why);

  const Pattern* pattern_;
  uint64_t expected_;
  uint64_t offset_ = 0;
  bool in_body_ = false;
  std::string head_;  // while it is not complete
  std::string fault_;
};

std::string RequestFor(uint64_t body_bytes);
// The value of a field of a head; empty if it is not there.
std::string_view FieldOf(std::string_view head, std::string_view name);

}  // namespace sluice::bench
