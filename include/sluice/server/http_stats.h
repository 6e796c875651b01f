// Requests that one loop answered, by route and status. Written by its thread, read by any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sluice/base/counter.h"
#include "sluice/config/config.h"

namespace sluice::server {

class HttpStats {
 public:
  // Each of these is counted by itself; all other statuses are counted as kOther.
  static constexpr int kFirstStatus = 200;
  static constexpr int kLastStatus = 599;
  static constexpr int kOther = 0;
  static constexpr size_t kStatuses = kLastStatus - kFirstStatus + 2;

  explicit HttpStats(const config::Config& config);

  // `route` is a label from routes(); anything else counts as "none".
  void Count(std::string_view route, int status) {
    const auto found = index_.find(route);
    const size_t row = found != index_.end() ? found->second : routes_.size() - 1;
    const bool known = status >= kFirstStatus && status <= kLastStatus;
    const auto column = known ? static_cast<size_t>(status - kFirstStatus) : kStatuses - 1;
    counts_[row * kStatuses + column].Add();
  }
  void Observe(uint64_t duration_ns) { duration_.Observe(duration_ns); }

  [[nodiscard]] const std::vector<std::string>& routes() const { return routes_; }
  // REQUIRES: column < kStatuses.
  [[nodiscard]] static int StatusOf(size_t column) {
    return column + 1 < kStatuses ? kFirstStatus + static_cast<int>(column) : kOther;
  }
  [[nodiscard]] uint64_t Get(size_t route, size_t column) const {
    return counts_[route * kStatuses + column].Get();
  }
  [[nodiscard]] const DurationHistogram& duration() const { return duration_; }

 private:
  std::vector<std::string> routes_;  // topics and routes by name, then "publish", "demo", "none"
  std::unordered_map<std::string_view, size_t> index_;  // of routes_; the first of equal names
  std::vector<Counter> counts_;                         // by route and column
  DurationHistogram duration_;  // of requests that ended; streams are not among them
};

inline constexpr std::string_view kPublishRoute = "publish";
inline constexpr std::string_view kDemoRoute = "demo";
inline constexpr std::string_view kNoRoute = "none";

}  // namespace sluice::server
