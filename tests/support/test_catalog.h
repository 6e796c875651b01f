// A pubsub::Catalog of a config that a test makes: channels belong to the topic with that channel,
// else to one whose pattern begins like them. Header only: tests of modules below pubsub do not
// link it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sluice/config/config.h"
#include "sluice/pubsub/catalog.h"

namespace sluice::testing {

class TestCatalog final : public pubsub::Catalog {
 public:
  explicit TestCatalog(config::Config config)
      : TestCatalog(std::move(config), std::make_shared<Counters>(), {}) {}
  // The catalog of a reload: counters stay, and so do entries that are the same.
  [[nodiscard]] std::shared_ptr<TestCatalog> After(config::Config config) const {
    return std::shared_ptr<TestCatalog>(new TestCatalog(std::move(config), counters_, entries_));
  }

  [[nodiscard]] pubsub::TopicEntryPtr Find(std::string_view channel) const override {
    for (const auto& entry : entries_) {
      if (entry->config.channel == channel) return entry;
    }
    for (const auto& entry : entries_) {
      const std::string& pattern = entry->config.channel;
      const size_t parameter = pattern.find('{');
      if (parameter != pattern.npos &&
          channel.substr(0, parameter) == pattern.substr(0, parameter)) {
        return entry;
      }
    }
    return nullptr;
  }
  [[nodiscard]] const config::Limits& limits() const override { return config_.limits; }

  [[nodiscard]] const pubsub::TopicEntryPtr& entry(size_t index = 0) const {
    return entries_[index];
  }
  [[nodiscard]] pubsub::TopicCounters& counters(size_t index = 0) const {
    return entries_[index]->counters;
  }

 private:
  static constexpr size_t kWorkers = 4;
  using Counters = std::map<std::string, std::unique_ptr<pubsub::TopicCounters>>;

  TestCatalog(config::Config config, std::shared_ptr<Counters> counters,
              const std::vector<pubsub::TopicEntryPtr>& before)
      : config_(std::move(config)), counters_(std::move(counters)) {
    for (const config::Topic& topic : config_.topics) {
      auto& of_name = (*counters_)[topic.name];
      if (of_name == nullptr) {
        of_name = std::make_unique<pubsub::TopicCounters>(topic.name, kWorkers);
      }
      pubsub::TopicEntryPtr same;
      for (const auto& entry : before) {
        if (entry->config == topic) same = entry;
      }
      entries_.push_back(same != nullptr ? same
                                         : std::make_shared<const pubsub::TopicEntry>(
                                               pubsub::TopicEntry{topic, *of_name}));
    }
  }

  config::Config config_;
  std::shared_ptr<Counters> counters_;
  std::vector<pubsub::TopicEntryPtr> entries_;
};

}  // namespace sluice::testing
