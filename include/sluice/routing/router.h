// Which part of the configuration answers a path. Built once from the config, immutable, any
// thread; no I/O, and Match allocates nothing.
//
// A literal segment wins over a {parameter} at the same place, from left to right.
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

enum class Action : uint8_t { kNone, kTopic, kPublish, kDemo };

struct Match {
  static constexpr size_t kMaxParameters = 8;

  Action action = Action::kNone;
  uint32_t index = 0;  // in Config::topics or Config::publish
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

  // The parameters' views live as long as the router and `path`.
  [[nodiscard]] Match Find(const http::Path& path) const;

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
  std::vector<ChannelPattern> channels_;  // by topic
  std::unordered_map<std::string, uint32_t> exact_channels_;
};

}  // namespace sluice::routing
