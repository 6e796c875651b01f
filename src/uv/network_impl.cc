#include <utility>

#include "sluice/uv/uv_loop.h"
#include "uv/connector_impl.h"
#include "uv/listener_impl.h"
#include "uv/resolver_impl.h"

namespace sluice::uv {
namespace {

class NetworkImpl : public net::Network {
 public:
  explicit NetworkImpl(LoopImpl& loop) : loop_(loop) {}

  [[nodiscard]] Result<std::unique_ptr<net::Listener>> Listen(
      const net::ListenOptions& options, net::AcceptCallback accepted,
      net::ExhaustedCallback exhausted) override {
    return ListenerImpl::Open(loop_, options, std::move(accepted), std::move(exhausted));
  }

  [[nodiscard]] std::unique_ptr<net::Connecting> Connect(const net::Endpoint& endpoint,
                                                         uint64_t timeout_ms,
                                                         net::ConnectCallback connected) override {
    return std::make_unique<ConnectorImpl>(loop_, endpoint, timeout_ms, std::move(connected));
  }

  [[nodiscard]] std::unique_ptr<net::Resolving> Resolve(const net::Endpoint& endpoint,
                                                        net::ResolveCallback resolved) override {
    return std::make_unique<ResolverImpl>(loop_, endpoint, std::move(resolved));
  }

 private:
  LoopImpl& loop_;
};

}  // namespace

std::unique_ptr<net::Network> MakeNetwork(event::Loop& loop) {
  return std::make_unique<NetworkImpl>(static_cast<LoopImpl&>(loop));
}

}  // namespace sluice::uv
