// The upstreams that are a topic's source, as the ingest thread has them. Ingest thread only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/generation.h"
#include "sluice/event/loop.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/net/network.h"
#include "sluice/proxy/upstream_set.h"

namespace sluice::server {

class SourceUpstreams {
 public:
  SourceUpstreams(event::Loop& loop, net::Network& network)
      : timers_(loop), environment_{loop, timers_, network} {}
  ~SourceUpstreams();  // REQUIRES: no call is left

  // At the start, and after a reload. Gives the names of those that changed or are gone: calls of
  // theirs must end before the next Set.
  [[nodiscard]] std::vector<std::string> Set(const Generation& generation);

  // Null if there is none of that name.
  [[nodiscard]] proxy::Upstream* Find(std::string_view name);

 private:
  event::TimerWheel timers_;
  proxy::UpstreamEnvironment environment_;
  proxy::UpstreamStates states_;
  std::unique_ptr<proxy::UpstreamSet> current_;
  std::unique_ptr<proxy::UpstreamSet> replaced_;  // has the calls that are given up meanwhile
};

}  // namespace sluice::server
