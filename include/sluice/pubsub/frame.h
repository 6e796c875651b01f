// One SSE event, encoded once per process and shared by everyone who gets it. Immutable after it
// was made; references are counted atomically, so any thread may hold one. A FrameRef in a ring is
// the only reference that an event costs a worker, however many subscribers it has.
//
// The bytes are an HTTP/1.1 chunk (RFC 9112 7.1) around an event (WHATWG HTML, 9.2.5):
//
//   26\r\n | id: k3x9.42\n | event: alert\ndata: hello\n\n | \r\n
//          payload         body                            payload's end
//
// so that HTTP/1.1 takes all of it, HTTP/1.0 and HTTP/2 the payload, and a connection with ids of
// its own the body.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::pubsub {

class FrameRef;

struct FrameParts {
  std::string_view id;       // value of the id line; empty: no id line
  std::string_view body;     // the event's other lines and the empty line that ends it
  uint64_t sequence = 0;     // position in its topic, from 1, without holes
  uint64_t received_ns = 0;  // when the broker gave it to us (CLOCK_MONOTONIC)
  bool gap = false;          // a sluice.gap marker: goes to every subscriber, whatever its filter
  // Values of the topic's `filter:` fields in their order; a missing field has no value.
  std::vector<std::pair<bool, std::string>> fields;
};

class Frame {
 public:
  [[nodiscard]] static FrameRef Make(FrameParts parts);

  [[nodiscard]] std::string_view chunk() const { return bytes_; }
  [[nodiscard]] std::string_view payload() const {
    return std::string_view(bytes_).substr(payload_, bytes_.size() - payload_ - 2);
  }
  [[nodiscard]] std::string_view body() const {
    return std::string_view(bytes_).substr(body_, bytes_.size() - body_ - 2);
  }
  // The value of the id line; empty if there is none.
  [[nodiscard]] std::string_view id() const {
    return body_ == payload_ ? std::string_view()
                             : std::string_view(bytes_).substr(payload_ + 4, body_ - payload_ - 5);
  }
  [[nodiscard]] uint64_t sequence() const { return sequence_; }
  [[nodiscard]] uint64_t received_ns() const { return received_ns_; }
  [[nodiscard]] bool gap() const { return gap_; }
  // The value of the topic's nth filter field, or null when the message has none.
  [[nodiscard]] const std::string* field(size_t n) const {
    return n < fields_.size() && fields_[n].first ? &fields_[n].second : nullptr;
  }

 private:
  friend class FrameRef;
  explicit Frame(FrameParts parts);

  std::atomic<uint32_t> references_{0};
  uint32_t payload_ = 0;
  uint32_t body_ = 0;
  bool gap_;
  uint64_t sequence_;
  uint64_t received_ns_;
  std::string bytes_;
  std::vector<std::pair<bool, std::string>> fields_;
};

// A counted reference. Copying it is one atomic increment.
class FrameRef {
 public:
  FrameRef() = default;
  explicit FrameRef(Frame* frame) : frame_(frame) { Acquire(); }
  FrameRef(const FrameRef& other) : frame_(other.frame_) { Acquire(); }
  FrameRef(FrameRef&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  FrameRef& operator=(const FrameRef& other) noexcept { return *this = FrameRef(other); }
  FrameRef& operator=(FrameRef&& other) noexcept {
    FrameRef taken(std::move(other));
    std::swap(frame_, taken.frame_);
    return *this;
  }
  ~FrameRef() {
    if (frame_ != nullptr && frame_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      delete frame_;
    }
  }

  [[nodiscard]] const Frame* get() const { return frame_; }
  const Frame* operator->() const { return frame_; }
  const Frame& operator*() const { return *frame_; }
  explicit operator bool() const { return frame_ != nullptr; }

 private:
  void Acquire() {
    if (frame_ != nullptr) frame_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  Frame* frame_ = nullptr;
};

}  // namespace sluice::pubsub
