// The upstreams of one worker, as one configuration has them. Loop-thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "sluice/proxy/upstream.h"
#include "sluice/proxy/upstream_state.h"

namespace sluice::proxy {

class UpstreamImpl;

class UpstreamSet {
 public:
  // What `environment` refers to must outlive the set. `before` is the set that this one takes the
  // place of: an upstream that has the same state is the same in both, with its connections; the
  // others are retired. That set may be destroyed any time after; whose requests it still has keeps
  // it until then.
  UpstreamSet(const UpstreamEnvironment& environment, const UpstreamStates& states,
              const UpstreamSet* before = nullptr);
  ~UpstreamSet();  // REQUIRES: no call is left of those that are in no other set
  UpstreamSet(const UpstreamSet&) = delete;
  UpstreamSet& operator=(const UpstreamSet&) = delete;

  [[nodiscard]] size_t size() const { return upstreams_.size(); }
  // By its place in the config.
  [[nodiscard]] Upstream& at(size_t index);
  // Null if there is none of that name.
  [[nodiscard]] Upstream* Find(std::string_view name);

 private:
  std::vector<std::shared_ptr<UpstreamImpl>> upstreams_;
};

// One upstream, for who needs no set.
[[nodiscard]] std::unique_ptr<Upstream> MakeUpstream(const UpstreamEnvironment& environment,
                                                     std::shared_ptr<UpstreamState> state);

}  // namespace sluice::proxy
