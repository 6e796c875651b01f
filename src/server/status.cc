#include "server/status.h"

#include <nlohmann/json.hpp>

#include "server/process_info.h"
#include "sluice/base/clock.h"

namespace sluice::server {
namespace {

using nlohmann::ordered_json;

ordered_json TopicStatus(const GatewayView& view, size_t index) {
  uint64_t subscribers = 0;
  ordered_json gaps = ordered_json::object();
  for (const Worker* worker : view.workers) {
    subscribers += worker->hub_stats().topics[index].subscribers.Get();
  }
  for (size_t reason = 0; reason < pubsub::kGapReasonNames.size(); ++reason) {
    uint64_t count = 0;
    for (const Worker* worker : view.workers) {
      count += worker->hub_stats().topics[index].gaps[reason].Get();
    }
    gaps[std::string(pubsub::kGapReasonNames[reason])] = count;
  }
  const config::Topic& topic = view.config->topics[index];
  return {{"name", topic.name},
          {"path", topic.path},
          {"channel", topic.channel},
          {"subscribers", subscribers},
          {"events", view.ingest->stats().events[index].Get()},
          {"dropped", view.ingest->stats().dropped[index].Get()},
          {"gaps", gaps}};
}

ordered_json BrokerStatus(const GatewayView& view) {
  if (view.redis == nullptr) return {{"kind", "memory"}};
  return {{"kind", "redis"},
          {"endpoint", view.config->redis.endpoint.ToString()},
          {"up", view.redis->up.load()},
          {"probe_seconds", static_cast<double>(view.redis->probe_ns.load()) / 1e9},
          {"reconnects", view.redis->reconnects.load()}};
}

}  // namespace

std::string RenderStatus(const GatewayView& view) {
  uint64_t connections = 0;
  uint64_t subscribers = 0;
  uint64_t deliveries = 0;
  uint64_t behind = 0;
  for (const Worker* worker : view.workers) {
    connections += worker->connections();
    deliveries += worker->hub_stats().deliveries.Get();
    behind += worker->hub_stats().behind.Get();
    for (const auto& topic : worker->hub_stats().topics) subscribers += topic.subscribers.Get();
  }
  ordered_json topics = ordered_json::array();
  for (size_t i = 0; i < view.config->topics.size(); ++i) topics.push_back(TopicStatus(view, i));
  const ProcessUsage process = ReadProcessUsage();
  const FdUsage fds = ReadFdUsage();
  const ordered_json status = {
      {"version", view.version},
      {"uptime_seconds", (WallMs() - view.started_ms) / 1000},
      {"ready", view.ready()},
      {"draining", view.draining},
      {"workers", view.workers.size()},
      {"connections", connections},
      {"subscribers", subscribers},
      {"behind", behind},
      {"deliveries", deliveries},
      {"topics", topics},
      {"broker", BrokerStatus(view)},
      {"process",
       {{"cpu_seconds", process.cpu_seconds},
        {"resident_bytes", process.resident_bytes},
        {"open_fds", fds.open},
        {"max_fds", fds.max}}},
  };
  return status.dump(2) + "\n";
}

std::string RenderReadiness(const GatewayView& view) {
  ordered_json checks = {{"config", "ok"},
                         {"listeners", view.listening ? "ok" : "not open"},
                         {"drain", view.draining ? "draining" : "ok"}};
  if (view.redis != nullptr) {
    checks["redis"] = view.redis_up() ? "ok" : "no probe message came back in time";
  }
  return ordered_json{{"ready", view.ready()}, {"checks", checks}}.dump() + "\n";
}

}  // namespace sluice::server
