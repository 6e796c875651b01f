// Memory that the load generator's processes share: the controller writes commands, each subscriber
// process and the publisher write what they saw. Every number has one writer.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string_view>

#include "cli/bench_histogram.h"
#include "sluice/base/result.h"

namespace sluice::cli::bench {

class Number {
 public:
  void Set(uint64_t value) { value_.store(value, std::memory_order_release); }
  // Writer only.
  void Add(uint64_t amount = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_release);
  }
  [[nodiscard]] uint64_t Get() const { return value_.load(std::memory_order_acquire); }

 private:
  std::atomic<uint64_t> value_{0};
};

// The first error of a process, for people.
class Note {
 public:
  void Write(std::string_view text) {
    if (written_.Get() != 0) return;
    const size_t length = text.copy(text_.data(), text_.size() - 1);
    text_[length] = '\0';
    written_.Set(1);
  }
  [[nodiscard]] std::string_view text() const {
    return written_.Get() != 0 ? std::string_view(text_.data()) : std::string_view();
  }

 private:
  std::array<char, 200> text_{};
  Number written_;
};

// Written by the controller. Times are CLOCK_MONOTONIC in nanoseconds, 0 while they are not known.
struct Commands {
  Number subscribers;      // how many there should be, over all processes
  Number publish_from_ns;  // intended time of event 1
  Number window_from_ns;   // events intended in [from, to) are measured
  Number window_to_ns;
  Number last_sequence;  // of the whole run
  Number reconnect_at_ns;
  Number stop;
};

struct alignas(64) SubscriberBoard {
  Number open;  // streams with status 200 that are open now
  Number attempts_failed;
  Number events;    // received by those that read, the window's or not
  Number measured;  // of these, the window's
  Number bytes;
  Number lost;
  Number duplicates;
  Number reordered;
  Number malformed;       // no stamp, or not of the size that was published
  Number gaps;            // events named sluice.gap
  Number closed;          // streams that the server ended
  Number complete;        // connections that got the last event
  Number back_at_ns;      // all are connected again after the reconnect
  Number stopped;         // connections that stopped reading
  Number stopped_closed;  // of these, ended by the server
  Number finished;        // the numbers are final
  Note error;
  Histogram latency;  // read it when finished
};

struct alignas(64) PublisherBoard {
  Number ready;
  Number sent;
  Number acknowledged;
  Number finished;
  Note error;
  Histogram lateness;  // actual send after the intended time; read it when finished
};

class Board {
 public:
  // `events`: how many are published in all; sizes the table of receipts.
  [[nodiscard]] static Result<std::unique_ptr<Board>> Create(size_t processes, size_t events);
  ~Board();
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  [[nodiscard]] Commands& commands() { return *commands_; }
  [[nodiscard]] PublisherBoard& publisher() { return *publisher_; }
  [[nodiscard]] std::span<SubscriberBoard> subscribers() { return subscribers_; }
  // When subscriber process n last received event i + 1.
  [[nodiscard]] std::span<Number> receipts(size_t n) {
    return std::span(receipts_, subscribers_.size() * events_).subspan(n * events_, events_);
  }
  [[nodiscard]] size_t events() const { return events_; }

 private:
  Board() = default;

  void* memory_ = nullptr;
  size_t size_ = 0;
  size_t events_ = 0;
  Commands* commands_ = nullptr;
  PublisherBoard* publisher_ = nullptr;
  std::span<SubscriberBoard> subscribers_;
  Number* receipts_ = nullptr;
};

}  // namespace sluice::cli::bench
