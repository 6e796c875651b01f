#include "sluice/server/http_stats.h"

namespace sluice::server {

HttpStats::HttpStats(const config::Config& config) : none_(&AddRow(kNoRoute)) {
  AddRow(kPublishRoute);
  AddRow(kDemoRoute);
  AddRoutes(config);
}

void HttpStats::AddRoutes(const config::Config& config) {
  for (const config::Topic& topic : config.topics) AddRow(topic.name);
  for (const config::Route& route : config.routes) AddRow(route.name);
}

HttpStats::Row& HttpStats::AddRow(std::string_view label) {
  if (const auto found = index_.find(label); found != index_.end()) return *found->second;
  Row* last = rows_.empty() ? nullptr : rows_.back().get();
  Row& row = *rows_.emplace_back(std::make_unique<Row>(std::string(label)));
  index_.emplace(row.label(), &row);
  if (last != nullptr) last->next_.store(&row, std::memory_order_release);
  return row;
}

}  // namespace sluice::server
