// The upstreams of one worker. Loop-thread only.
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
  // What `environment` refers to must outlive the set.
  UpstreamSet(const UpstreamEnvironment& environment, const UpstreamStates& states);
  ~UpstreamSet();  // REQUIRES: no call is left
  UpstreamSet(const UpstreamSet&) = delete;
  UpstreamSet& operator=(const UpstreamSet&) = delete;

  [[nodiscard]] size_t size() const { return upstreams_.size(); }
  // By its place in the config.
  [[nodiscard]] Upstream& at(size_t index);
  // Null if there is none of that name.
  [[nodiscard]] Upstream* Find(std::string_view name);
  // Upstream::Retire, of all.
  void Retire();
  // Calls that have not ended, waiting ones among them.
  [[nodiscard]] size_t calls() const;

 private:
  std::vector<std::unique_ptr<UpstreamImpl>> upstreams_;
};

// One upstream, for who needs no set.
[[nodiscard]] std::unique_ptr<Upstream> MakeUpstream(const UpstreamEnvironment& environment,
                                                     std::shared_ptr<UpstreamState> state);

}  // namespace sluice::proxy
