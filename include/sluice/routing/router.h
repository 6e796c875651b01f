// Which part of the configuration answers a request. Built once from the config, immutable, any
// thread; no I/O, and Find allocates nothing.
//
// Topics, publish paths and the demo page have whole paths, on every host, and win over routes. A
// literal segment wins over a {parameter} at the same place, from left to right; a slash at the end
// of a path makes it another one.
//
// Routes have prefixes by whole segments: /api is for /api, /api/ and /api/x; /api/ is for the
// latter two. A slash that is percent-encoded counts as one, since a server may decode it before it
// looks; with "." or ".." beside it no route is found. Those with the request's host are looked at
// first, then those with the longest
// *.suffix of it, then those without hosts; of the first that have any for the path, the longest
// prefix wins.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sluice/config/config.h"
#include "sluice/http/path.h"
#include "sluice/routing/channel_pattern.h"

namespace sluice::routing {

class RouteTable;

enum class Action : uint8_t { kNone, kTopic, kPublish, kDemo, kProxy };

// Who looks. What is `internal: true` is found by an X-Accel-Redirect only.
enum class Scope : uint8_t { kClient, kInternal };

struct Match {
  static constexpr size_t kMaxParameters = 8;

  Action action = Action::kNone;
  uint32_t index = 0;     // in Config::topics, Config::publish or Config::routes
  bool internal = false;  // what would answer is internal and a client asks: the action is kNone
  std::array<Parameter, kMaxParameters> parameters{};
  size_t parameter_count = 0;

  [[nodiscard]] std::span<const Parameter> Parameters() const {
    return {parameters.data(), parameter_count};
  }
};

class Router {
 public:
  explicit Router(config::ConfigPtr config);
  ~Router();

  // `host` is the request's authority: its case, port and root dot make no difference. The
  // parameters' views live as long as the router and `path`.
  [[nodiscard]] Match Find(std::string_view host, const http::Path& path,
                           Scope scope = Scope::kClient) const;

  // The route of that name, for "X-Accel-Redirect: @name"; `name` is with the @.
  [[nodiscard]] Match FindNamed(std::string_view name) const;

  // The channel that a topic's path stands for.
  [[nodiscard]] std::string ChannelOf(const Match& match) const;

  // The topic that a channel belongs to, as an index in Config::topics: exact names first, then
  // patterns in the config's order. So each channel has one topic, whichever way it is reached.
  [[nodiscard]] std::optional<uint32_t> TopicOf(std::string_view channel) const;

  // Where a published message goes.
  struct Target {
    uint32_t index = 0;  // in Config::topics
    std::string channel;
    std::string name;  // what the publisher calls it
  };
  // What a publisher means by `topic`: the name of a topic that has one channel, else a channel.
  [[nodiscard]] std::optional<Target> PublishTarget(std::string_view topic) const;
  // Where a publish path leads. REQUIRES: match.action is kPublish.
  [[nodiscard]] std::optional<Target> PublishTarget(const Match& match) const;

  // What a token's patterns are matched against: the topic's name, or the channel where the path
  // has parameters.
  [[nodiscard]] std::string_view NameOf(uint32_t index, std::string_view channel) const {
    return channels_[index].exact() ? config_->topics[index].name : channel;
  }

  static constexpr size_t kMaxChannelBytes = 256;

 private:
  struct Node;

  void Add(std::string_view path, Action action, uint32_t index);
  [[nodiscard]] bool FindFrom(const Node& node, const http::Path& path, size_t depth,
                              Match& match) const;

  config::ConfigPtr config_;
  std::unique_ptr<Node> root_;
  std::unique_ptr<RouteTable> routes_;
  std::vector<ChannelPattern> channels_;  // by topic
  std::unordered_map<std::string, uint32_t> exact_channels_;
};

}  // namespace sluice::routing
