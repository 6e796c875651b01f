#include "server/source_upstreams.h"

#include <algorithm>
#include <utility>

namespace sluice::server {
namespace {

proxy::UpstreamStates SourcesOf(const Generation& generation) {
  proxy::UpstreamStates sources;
  for (const auto& state : generation.upstreams()) {
    const auto& topics = generation.config().topics;
    if (std::any_of(topics.begin(), topics.end(), [&state](const config::Topic& topic) {
          return topic.upstream == state->config().name;
        })) {
      sources.push_back(state);
    }
  }
  return sources;
}

}  // namespace

SourceUpstreams::~SourceUpstreams() = default;

std::vector<std::string> SourceUpstreams::Set(const Generation& generation) {
  proxy::UpstreamStates states = SourcesOf(generation);
  std::vector<std::string> changed;
  if (current_ != nullptr && states == states_) return changed;
  for (const auto& before : states_) {
    // What has not changed has the same state (proxy/upstream_state.h).
    if (std::find(states.begin(), states.end(), before) == states.end()) {
      changed.push_back(before->config().name);
    }
  }
  states_ = std::move(states);
  replaced_ = std::move(current_);
  current_ = std::make_unique<proxy::UpstreamSet>(environment_, states_, replaced_.get());
  return changed;
}

proxy::Upstream* SourceUpstreams::Find(std::string_view name) {
  return current_ == nullptr ? nullptr : current_->Find(name);
}

}  // namespace sluice::server
