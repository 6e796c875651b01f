// net::Resolving over a Lookup.
#pragma once

#include <memory>
#include <optional>

#include "sluice/net/connector.h"
#include "uv/lookup.h"
#include "uv/loop_impl.h"

namespace sluice::uv {

class ResolverImpl : public net::Resolving {
 public:
  ResolverImpl(LoopImpl& loop, const net::Endpoint& endpoint, net::ResolveCallback resolved);

 private:
  void Finish(Result<std::vector<net::Endpoint>> result);

  net::ResolveCallback resolved_;
  std::optional<Lookup> lookup_;
  std::unique_ptr<event::Timer> numeric_;  // there is nothing to look up
};

}  // namespace sluice::uv
