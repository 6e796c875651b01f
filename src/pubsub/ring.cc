#include "sluice/pubsub/ring.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace sluice::pubsub {

void Ring::Push(FrameRef frame) {
  assert(frame->sequence() == next_);
  if (size_ == slots_.size()) Grow();
  const uint64_t bytes = frame->chunk().size();
  slots_[Slot(next_)] = Entry{std::move(frame), total_bytes_};
  total_bytes_ += bytes;
  ++next_;
  ++size_;
}

void Ring::Trim(uint64_t now_ns, uint64_t needed) {
  const uint64_t age_ns = limits_.age_ms * 1'000'000;
  while (size_ > 0) {
    const uint64_t oldest = first();
    const uint64_t bytes = BytesFrom(oldest);
    const bool over = size_ > limits_.events || bytes > limits_.bytes ||
                      At(oldest)->received_ns() + age_ns <= now_ns;
    if (!over) return;
    if (oldest >= needed && BytesFrom(oldest) <= kMaxPendingBytes) return;
    PopOldest();
  }
}

void Ring::Reset(uint64_t next) {
  slots_.clear();
  slots_.shrink_to_fit();
  size_ = 0;
  next_ = next;
}

uint64_t Ring::BytesFrom(uint64_t sequence) const {
  if (sequence >= next_) return 0;
  return total_bytes_ - slots_[Slot(sequence)].bytes_before;
}

std::optional<uint64_t> Ring::FindId(std::string_view id) const {
  for (uint64_t sequence = next_; sequence > first(); --sequence) {
    if (At(sequence - 1)->id() == id) return sequence - 1;
  }
  return std::nullopt;
}

void Ring::PopOldest() {
  slots_[Slot(first())].frame = FrameRef();
  --size_;
}

void Ring::Grow() {
  std::vector<Entry> larger(std::max<size_t>(8, slots_.size() * 2));
  for (uint64_t sequence = first(); sequence < next_; ++sequence) {
    larger[sequence & (larger.size() - 1)] = std::move(slots_[Slot(sequence)]);
  }
  slots_ = std::move(larger);
}

}  // namespace sluice::pubsub
