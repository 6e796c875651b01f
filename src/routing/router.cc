#include "sluice/routing/router.h"

#include <algorithm>
#include <utility>

#include "routing/route_table.h"
#include "sluice/base/utf8.h"

namespace sluice::routing {
namespace {

// Channels of the gateway's own (the probe of the Redis link) are nobody's topic.
constexpr std::string_view kOwnChannels = "sluice:";

}  // namespace

struct Router::Node {
  std::vector<std::pair<std::string, std::unique_ptr<Node>>> literals;  // sorted by name
  std::unique_ptr<Node> parameter;  // whatever its name: that is the route's own
  Action action = Action::kNone;
  uint32_t index = 0;
  std::vector<std::string> parameter_names;  // of the route that ends here

  [[nodiscard]] const Node* Literal(std::string_view name) const {
    const auto at = std::lower_bound(
        literals.begin(), literals.end(), name,
        [](const auto& entry, std::string_view wanted) { return entry.first < wanted; });
    return at != literals.end() && at->first == name ? at->second.get() : nullptr;
  }
};

Router::Router(config::ConfigPtr config)
    : config_(std::move(config)),
      root_(std::make_unique<Node>()),
      routes_(std::make_unique<RouteTable>(config_->routes)) {
  if (config_->demo) Add("/", Action::kDemo, 0);
  for (uint32_t i = 0; i < config_->topics.size(); ++i) {
    Add(config_->topics[i].path, Action::kTopic, i);
    channels_.emplace_back(config_->topics[i].channel);
    if (channels_.back().exact()) exact_channels_.emplace(config_->topics[i].channel, i);
  }
  for (uint32_t i = 0; i < config_->publish.size(); ++i) {
    Add(config_->publish[i].path, Action::kPublish, i);
  }
}

Router::~Router() = default;

void Router::Add(std::string_view path, Action action, uint32_t index) {
  Node* node = root_.get();
  std::vector<std::string> names;
  while (!path.empty()) {
    path.remove_prefix(1);  // '/'
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    if (segment.empty()) continue;
    if (segment.front() == '{') {
      if (node->parameter == nullptr) node->parameter = std::make_unique<Node>();
      names.emplace_back(segment.substr(1, segment.size() - 2));
      node = node->parameter.get();
      continue;
    }
    auto at = std::lower_bound(
        node->literals.begin(), node->literals.end(), segment,
        [](const auto& entry, std::string_view wanted) { return entry.first < wanted; });
    if (at == node->literals.end() || at->first != segment) {
      at = node->literals.emplace(at, std::string(segment), std::make_unique<Node>());
    }
    node = at->second.get();
  }
  node->action = action;
  node->index = index;
  node->parameter_names = std::move(names);
}

Match Router::Find(std::string_view host, const http::Path& path, Scope scope) const {
  Match match;
  bool internal = false;
  // "/events/news/" is another resource than "/events/news".
  const bool whole = !path.trailing_slash() || path.segment_count() == 0;
  if (whole && FindFrom(*root_, path, 0, match)) {
    internal = match.action == Action::kTopic && config_->topics[match.index].internal;
  } else {
    const uint32_t route = routes_->Find(host, path);
    match.action = route == RouteTable::kNone ? Action::kNone : Action::kProxy;
    match.index = route;
    if (match.action == Action::kNone) return match;
    internal = config_->routes[route].internal;
  }
  if (!internal || scope == Scope::kInternal) return match;
  Match hidden;
  hidden.internal = true;
  return hidden;
}

Match Router::FindNamed(std::string_view name) const {
  Match match;
  const auto& routes = config_->routes;
  const auto found = name.starts_with('@')
                         ? std::find_if(routes.begin(), routes.end(),
                                        [&](const config::Route& route) {
                                          return route.named && route.name == name.substr(1);
                                        })
                         : routes.end();
  if (found == routes.end()) return match;
  match.action = Action::kProxy;
  match.index = static_cast<uint32_t>(found - routes.begin());
  return match;
}

bool Router::FindFrom(const Node& node, const http::Path& path, size_t depth, Match& match) const {
  if (depth == path.segment_count()) {
    match.action = node.action;
    match.index = node.index;
    for (size_t i = 0; i < node.parameter_names.size(); ++i) {
      match.parameters[i].name = node.parameter_names[i];
    }
    return node.action != Action::kNone;
  }
  const std::string_view segment = path.segment(depth);
  if (const Node* next = node.Literal(segment)) {
    if (FindFrom(*next, path, depth + 1, match)) return true;
  }
  if (node.parameter == nullptr || match.parameter_count == Match::kMaxParameters) return false;
  const size_t mine = match.parameter_count;
  match.parameters[mine] = Parameter{{}, segment};
  match.parameter_count = mine + 1;
  if (FindFrom(*node.parameter, path, depth + 1, match)) return true;
  match.parameter_count = mine;
  return false;
}

std::string Router::ChannelOf(const Match& match) const {
  return channels_[match.index].Make(match.Parameters());
}

std::optional<Router::Target> Router::PublishTarget(std::string_view topic) const {
  for (uint32_t i = 0; i < channels_.size(); ++i) {
    if (channels_[i].exact() && config_->topics[i].name == topic) {
      return Target{i, config_->topics[i].channel, std::string(topic)};
    }
  }
  const auto index = TopicOf(topic);
  if (!index) return std::nullopt;
  return Target{*index, std::string(topic), std::string(topic)};
}

std::optional<Router::Target> Router::PublishTarget(const Match& match) const {
  const std::string& name = config_->publish[match.index].topic;
  if (name.empty()) return PublishTarget(match.parameters[0].value);
  for (uint32_t i = 0; i < channels_.size(); ++i) {
    if (config_->topics[i].name != name) continue;
    if (channels_[i].exact()) return Target{i, config_->topics[i].channel, name};
    std::string channel = channels_[i].Make(match.Parameters());
    if (TopicOf(channel) != i) return std::nullopt;
    return Target{i, channel, channel};
  }
  return std::nullopt;
}

std::optional<uint32_t> Router::TopicOf(std::string_view channel) const {
  if (channel.empty() || channel.size() > kMaxChannelBytes || !IsValidUtf8(channel) ||
      channel.substr(0, kOwnChannels.size()) == kOwnChannels) {
    return std::nullopt;
  }
  const auto exact = exact_channels_.find(std::string(channel));
  if (exact != exact_channels_.end()) return exact->second;
  for (uint32_t i = 0; i < channels_.size(); ++i) {
    if (!channels_[i].exact() && channels_[i].Matches(channel)) return i;
  }
  return std::nullopt;
}

}  // namespace sluice::routing
