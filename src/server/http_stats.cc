#include "sluice/server/http_stats.h"

namespace sluice::server {
namespace {

std::vector<std::string> RouteLabels(const config::Config& config) {
  std::vector<std::string> labels;
  for (const config::Topic& topic : config.topics) labels.push_back(topic.name);
  for (const config::Route& route : config.routes) labels.push_back(route.name);
  for (const std::string_view label : {kPublishRoute, kDemoRoute, kNoRoute}) {
    labels.emplace_back(label);
  }
  return labels;
}

}  // namespace

HttpStats::HttpStats(const config::Config& config)
    : routes_(RouteLabels(config)), counts_(routes_.size() * kStatuses) {
  for (size_t i = 0; i < routes_.size(); ++i) index_.emplace(routes_[i], i);
}

}  // namespace sluice::server
