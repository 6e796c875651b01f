// Requests that one loop answered, by route and status. Written by its thread; any thread may read
// the rows and the histogram.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sluice/base/counter.h"
#include "sluice/config/config.h"

namespace sluice::server {

class HttpStats {
 public:
  // Each of these is counted by itself; all other statuses are counted as kOther.
  static constexpr int kFirstStatus = 101;  // a WebSocket; what is below 200 else is no answer
  static constexpr int kLastStatus = 599;
  static constexpr int kOther = 0;
  static constexpr size_t kStatuses = kLastStatus - kFirstStatus + 2;

  // The counts of one label, a list of which the reader follows. It stays when its route goes.
  class Row {
   public:
    explicit Row(std::string label) : label_(std::move(label)) {}

    [[nodiscard]] const std::string& label() const { return label_; }
    // REQUIRES: column < kStatuses.
    [[nodiscard]] uint64_t Get(size_t column) const { return counts_[column].Get(); }
    [[nodiscard]] const Row* next() const { return next_.load(std::memory_order_acquire); }

   private:
    friend class HttpStats;
    std::string label_;
    std::array<Counter, kStatuses> counts_;
    std::atomic<Row*> next_{nullptr};
  };

  explicit HttpStats(const config::Config& config);

  // Makes rows for what is new in `config`.
  void AddRoutes(const config::Config& config);

  // `route` is a label of a row; anything else counts as "none".
  void Count(std::string_view route, int status) {
    const auto found = index_.find(route);
    Row& row = found != index_.end() ? *found->second : *none_;
    const bool known = status >= kFirstStatus && status <= kLastStatus;
    row.counts_[known ? static_cast<size_t>(status - kFirstStatus) : kStatuses - 1].Add();
  }
  void Observe(uint64_t duration_ns) { duration_.Observe(duration_ns); }

  // "none", "publish", "demo", then topics and routes by name.
  [[nodiscard]] const Row& first() const { return *none_; }
  // REQUIRES: column < kStatuses.
  [[nodiscard]] static int StatusOf(size_t column) {
    return column + 1 < kStatuses ? kFirstStatus + static_cast<int>(column) : kOther;
  }
  [[nodiscard]] const DurationHistogram& duration() const { return duration_; }

 private:
  Row& AddRow(std::string_view label);

  std::vector<std::unique_ptr<Row>> rows_;  // in the order of the list
  std::unordered_map<std::string_view, Row*> index_;
  Row* none_;
  DurationHistogram duration_;  // of requests that ended; streams are not among them
};

inline constexpr std::string_view kPublishRoute = "publish";
inline constexpr std::string_view kDemoRoute = "demo";
inline constexpr std::string_view kNoRoute = "none";

}  // namespace sluice::server
