#include "uv/resolver_impl.h"

#include <algorithm>
#include <utility>

namespace sluice::uv {
namespace {

std::vector<net::Endpoint> ToEndpoints(const std::vector<SocketAddress>& addresses) {
  std::vector<net::Endpoint> endpoints;
  for (const SocketAddress& address : addresses) {
    const net::PeerAddress peer = ToPeerAddress(address);
    net::Endpoint endpoint{.host = peer.Host(), .port = peer.port, .unix_path = ""};
    if (std::find(endpoints.begin(), endpoints.end(), endpoint) == endpoints.end()) {
      endpoints.push_back(std::move(endpoint));
    }
  }
  return endpoints;
}

}  // namespace

ResolverImpl::ResolverImpl(LoopImpl& loop, const net::Endpoint& endpoint,
                           net::ResolveCallback resolved)
    : resolved_(std::move(resolved)) {
  if (ToSocketAddress(endpoint)) {
    numeric_ = loop.MakeTimer([this, endpoint] { Finish(std::vector{endpoint}); });
    numeric_->Start(0);
    return;
  }
  lookup_.emplace(
      loop, endpoint.host, endpoint.port,
      [this](Result<std::vector<SocketAddress>> result) { Finish(result.map(ToEndpoints)); });
}

void ResolverImpl::Finish(Result<std::vector<net::Endpoint>> result) {
  // A copy: the callback usually destroys this object.
  const net::ResolveCallback resolved = std::move(resolved_);
  resolved(std::move(result));
}

}  // namespace sluice::uv
