#include "server/reload_plan.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sluice/pubsub/catalog.h"

namespace sluice::server {
namespace {

// `name` of an entry tells which of the other list it is.
template <class Entry, class Name>
ReloadPlan::Names Compare(const std::vector<Entry>& before, const std::vector<Entry>& after,
                          const Name& name) {
  ReloadPlan::Names names;
  const auto find = [&](const std::vector<Entry>& list, const Entry& wanted) {
    return std::find_if(list.begin(), list.end(),
                        [&](const Entry& entry) { return name(entry) == name(wanted); });
  };
  for (const Entry& entry : after) {
    const auto was = find(before, entry);
    if (was == before.end()) {
      names.added.push_back(name(entry));
    } else if (!(*was == entry)) {
      names.changed.push_back(name(entry));
    }
  }
  for (const Entry& entry : before) {
    if (find(after, entry) == after.end()) names.removed.push_back(name(entry));
  }
  return names;
}

template <class Entry>
ReloadPlan::Names CompareByName(const std::vector<Entry>& before, const std::vector<Entry>& after) {
  return Compare(before, after, [](const Entry& entry) { return entry.name; });
}

const config::Topic* FindTopic(const config::Config& config, const std::string& name) {
  for (const config::Topic& topic : config.topics) {
    if (topic.name == name) return &topic;
  }
  return nullptr;
}

std::vector<std::string> EndedTopics(const config::Config& running, const config::Config& next) {
  std::vector<std::string> ended;
  for (const config::Topic& topic : running.topics) {
    const config::Topic* after = FindTopic(next, topic.name);
    if (after == nullptr || pubsub::ChangeOf(topic, *after) > pubsub::TopicChange::kSettings) {
      ended.push_back(topic.name);
    }
  }
  return ended;
}

// The access log's file is opened at the start; whether and how lines are written may change.
std::optional<config::AccessLog> AccessLogFor(const config::Config& started,
                                              const config::Config& next) {
  if (!started.access_log || !next.access_log) return std::nullopt;
  return config::AccessLog{started.access_log->path, next.access_log->format};
}

}  // namespace

ReloadPlan PlanReload(const config::Config& started, const config::Config& running,
                      const config::Config& next) {
  ReloadPlan plan;
  auto config = std::make_shared<config::Config>(next);
  const auto wait = [&plan](std::string_view key, auto& value, const auto& as_started) {
    if (value == as_started) return;
    plan.waiting.emplace_back(key);
    value = as_started;
  };
  wait("workers", config->workers, started.workers);
  wait("pid_file", config->pid_file, started.pid_file);
  wait("admin", config->admin, started.admin);
  wait("log.path", config->log_path, started.log_path);
  wait("log.access.path", config->access_log, AccessLogFor(started, next));
  wait("broker", config->broker, started.broker);
  wait("redis", config->redis, started.redis);
  wait("limits.auth_failures", config->limits.auth_failures, started.limits.auth_failures);
  if (started.broker == config::BrokerKind::kRedis) {
    wait("limits.message_bytes", config->limits.message_bytes, started.limits.message_bytes);
  }

  plan.listeners = Compare(running.listen, config->listen,
                           [](const config::Listen& listen) { return listen.endpoint.ToString(); });
  plan.topics = CompareByName(running.topics, config->topics);
  plan.ended = EndedTopics(running, *config);
  plan.schemes = CompareByName(running.auth, config->auth);
  plan.upstreams = CompareByName(running.upstreams, config->upstreams);
  plan.routes = CompareByName(running.routes, config->routes);
  const std::pair<std::string_view, bool> others[] = {
      {"log.level", running.log_level == config->log_level},
      {"log.access", running.access_log == config->access_log},
      {"limits", running.limits == config->limits},
      {"cors", running.cors == config->cors},
      {"publish", running.publish == config->publish},
      {"forwarding", running.forwarding == config->forwarding},
      {"drain", running.drain == config->drain},
      {"demo", running.demo == config->demo},
  };
  for (const auto& [key, same] : others) {
    if (!same) plan.keys.emplace_back(key);
  }
  plan.config = std::move(config);
  return plan;
}

std::string ReloadPlan::Summary() const {
  std::string text;
  const auto add = [&text](std::string_view what, const std::vector<std::string>& names) {
    if (names.empty()) return;
    if (!text.empty()) text += "; ";
    text += fmt::format("{}: {}", what, fmt::join(names, ", "));
  };
  const auto add_all = [&add](std::string_view what, const Names& names) {
    add(fmt::format("{} added", what), names.added);
    add(fmt::format("{} removed", what), names.removed);
    add(fmt::format("{} changed", what), names.changed);
  };
  add_all("listeners", listeners);
  add_all("topics", topics);
  add("streams ended of", ended);
  add_all("auth schemes", schemes);
  add_all("upstreams", upstreams);
  add_all("routes", routes);
  add("changed", keys);
  return text.empty() ? "nothing has changed" : text;
}

void ReloadCounts::Add(const ReloadPlan& plan) {
  const auto add = [](Entries& entries, const ReloadPlan::Names& names) {
    entries.added += names.added.size();
    entries.removed += names.removed.size();
    entries.changed += names.changed.size();
  };
  add(listeners, plan.listeners);
  add(topics, plan.topics);
  add(schemes, plan.schemes);
  add(upstreams, plan.upstreams);
  add(routes, plan.routes);
  keys += plan.keys.size();
}

}  // namespace sluice::server
