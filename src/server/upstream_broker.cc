#include "server/upstream_broker.h"

#include <algorithm>
#include <utility>

#include "sluice/base/log.h"
#include "sluice/routing/source_target.h"

namespace sluice::server {

UpstreamBroker::UpstreamBroker(event::Loop& loop,
                               decltype(SourceEnvironment::find_upstream) find_upstream,
                               uint64_t event_limit, pubsub::BrokerHandler& handler)
    : loop_(loop), timers_(loop), environment_{loop,         timers_,     std::move(find_upstream),
                                               handler,      event_limit, LogThrottle(),
                                               LogThrottle()} {}

UpstreamBroker::~UpstreamBroker() = default;

void UpstreamBroker::Reload(uint64_t event_limit,
                            const std::vector<std::string>& changed_upstreams) {
  environment_.event_limit = event_limit;
  // One that has never been open may be given up in here.
  std::vector<UpstreamSource*> changed;
  for (const auto& [channel, source] : sources_) {
    const auto& names = changed_upstreams;
    if (std::find(names.begin(), names.end(), source.upstream) != names.end()) {
      changed.push_back(source.source.get());
    }
  }
  for (UpstreamSource* source : changed) source->Reconnect();
}

void UpstreamBroker::Subscribe(std::string_view channel, const pubsub::TopicEntryPtr& entry) {
  const config::Topic& topic = entry->config;
  std::optional<std::string> target = routing::SourceTarget(topic, channel);
  if (!target) {
    LogWarn("topic={} has a parameter that is \".\" or \"..\": upstream {} is not asked for it",
            channel, topic.upstream);
    return;
  }
  auto source = std::make_unique<UpstreamSource>(environment_, entry, std::string(channel),
                                                 *std::move(target));
  UpstreamSource& started = *source;
  sources_[std::string(channel)] = {topic.upstream, std::move(source)};
  started.Connect();
}

void UpstreamBroker::Unsubscribe(std::string_view channel) {
  const auto found = sources_.find(std::string(channel));
  if (found == sources_.end()) return;
  found->second.source->Stop();
  loop_.DeferDelete(std::move(found->second.source));
  sources_.erase(found);
}

void UpstreamBroker::Publish(std::string_view, std::string_view,
                             std::function<void(Result<>)> done) {
  done(Fail(Errc::kInvalid, "its upstream alone publishes on this topic (source: upstream)"));
}

}  // namespace sluice::server
