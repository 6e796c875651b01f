// The addresses that the gateway listens on, from the start and from reload to reload.
#include <algorithm>
#include <utility>

#include "server/gateway_impl.h"
#include "sluice/base/log.h"

namespace sluice::server {

Result<> GatewayImpl::OpenListeners(const std::vector<config::Listen>& wanted,
                                    const config::Limits& limits) {
  // The same address may be wanted twice: with port 0 that makes two listeners.
  std::vector<config::Listen> missing = wanted;
  for (const OpenListener& open : listeners_) {
    const auto found = std::find(missing.begin(), missing.end(), open.config);
    if (found != missing.end()) missing.erase(found);
  }
  const size_t before = listeners_.size();
  for (const config::Listen& listen : missing) {
    Result<OpenListener> opened = Open(listen, limits);
    if (!opened) {
      for (; listeners_.size() > before; listeners_.pop_back()) Close(listeners_.back());
      return tl::unexpected(opened.error());
    }
    listeners_.push_back(*std::move(opened));
  }
  for (size_t i = before; i < listeners_.size(); ++i) {
    LogInfo("listening on {}", listeners_[i].bound.ToString());
  }
  return {};
}

void GatewayImpl::CloseListeners(const std::vector<config::Listen>& wanted) {
  std::vector<config::Listen> left = wanted;
  std::erase_if(listeners_, [&](const OpenListener& open) {
    const auto found = std::find(left.begin(), left.end(), open.config);
    if (found != left.end()) {
      left.erase(found);
      return false;
    }
    Close(open);
    LogInfo("no longer listening on {}", open.bound.ToString());
    return true;
  });
}

// The first worker binds; if it was given port 0, the others bind to the port that it got.
Result<GatewayImpl::OpenListener> GatewayImpl::Open(const config::Listen& listen,
                                                    const config::Limits& limits) {
  OpenListener open{next_listener_++, listen, listen.endpoint};
  for (const auto& started : workers_) {
    Result<net::Endpoint> bound;
    started->thread.Call([&] { bound = started->worker->Listen(open.number, open.bound, limits); });
    if (!bound) {
      Close(open);
      return tl::unexpected(bound.error());
    }
    open.bound = *bound;
    // A unix socket has one listener; the kernel spreads TCP over all workers.
    if (open.bound.is_unix()) break;
  }
  return open;
}

void GatewayImpl::Close(const OpenListener& listener) {
  for (const auto& started : workers_) {
    started->thread.Call([&] { started->worker->CloseListener(listener.number); });
  }
}

}  // namespace sluice::server
