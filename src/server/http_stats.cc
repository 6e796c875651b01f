#include "sluice/server/http_stats.h"

#include <algorithm>

namespace sluice::server {
namespace {

std::vector<std::string> RouteLabels(const config::Config& config) {
  std::vector<std::string> labels;
  for (const config::Topic& topic : config.topics) labels.push_back(topic.name);
  for (const std::string_view label : {kPublishRoute, kDemoRoute, kNoRoute}) {
    labels.emplace_back(label);
  }
  return labels;
}

}  // namespace

HttpStats::HttpStats(const config::Config& config)
    : routes_(RouteLabels(config)), counts_(routes_.size() * kStatuses.size()) {}

void HttpStats::Count(std::string_view route, int status) {
  auto at = std::find(routes_.begin(), routes_.end(), route);
  if (at == routes_.end()) --at;
  size_t code = 0;
  while (code + 1 < kStatuses.size() && kStatuses[code] != status) ++code;
  counts_[static_cast<size_t>(at - routes_.begin()) * kStatuses.size() + code].Add();
}

}  // namespace sluice::server
