// Requests that one loop answered, by route and status. Written by its thread, read by any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/counter.h"
#include "sluice/config/config.h"

namespace sluice::server {

class HttpStats {
 public:
  // Statuses that are counted by themselves; all others are counted as the last.
  static constexpr std::array<int, 22> kStatuses = {200, 202, 204, 400, 401, 403, 404, 405,
                                                    406, 408, 413, 414, 417, 429, 431, 499,
                                                    500, 501, 503, 504, 505, 0};

  explicit HttpStats(const config::Config& config);

  // `route` is a label from routes(); anything else counts as "none".
  void Count(std::string_view route, int status);
  void Observe(uint64_t duration_ns) { duration_.Observe(duration_ns); }

  [[nodiscard]] const std::vector<std::string>& routes() const { return routes_; }
  [[nodiscard]] uint64_t Get(size_t route, size_t status) const {
    return counts_[route * kStatuses.size() + status].Get();
  }
  [[nodiscard]] const DurationHistogram& duration() const { return duration_; }

 private:
  std::vector<std::string> routes_;  // topics by name, then "publish", "demo", "none"
  std::vector<Counter> counts_;
  DurationHistogram duration_;  // of requests that ended; streams are not among them
};

inline constexpr std::string_view kPublishRoute = "publish";
inline constexpr std::string_view kDemoRoute = "demo";
inline constexpr std::string_view kNoRoute = "none";

}  // namespace sluice::server
