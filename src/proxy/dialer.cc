#include "proxy/dialer.h"

#include <utility>

#include "sluice/event/timer_wheel.h"
#include "sluice/tls/client.h"

namespace sluice::proxy {

// A connection, then the handshake.
class Dialer::TlsDialing final : public net::Connecting, private event::TimerWheel::Handler {
 public:
  TlsDialing(const UpstreamEnvironment& environment, const UpstreamState& state,
             std::string server_name, const net::Endpoint& address, uint64_t timeout_ms,
             net::ConnectCallback connected)
      : environment_(environment),
        state_(state),
        server_name_(std::move(server_name)),
        connected_(std::move(connected)),
        timeout_(*this),
        step_(environment.network.Connect(address, timeout_ms,
                                          [this](Result<std::unique_ptr<net::Stream>> result) {
                                            OnConnected(std::move(result));
                                          })) {
    environment_.timers.Arm(timeout_, timeout_ms);
  }

 private:
  void OnConnected(Result<std::unique_ptr<net::Stream>> result) {
    if (!result) {
      Done(std::move(result));
      return;
    }
    const auto& context = state_.tls();
    if (!context) {
      Done(Fail(Errc::kUnavailable, context.error().message));
      return;
    }
    step_ = (*context)->Handshake(
        environment_.loop, std::move(*result), server_name_,
        [this](Result<std::unique_ptr<net::Stream>> shaken) { Done(std::move(shaken)); });
  }

  void OnTimeout(event::TimerWheel::Node& /*node*/) override {
    step_.reset();
    Done(Fail(Errc::kTimeout, "no answer to the TLS handshake in time"));
  }

  void Done(Result<std::unique_ptr<net::Stream>> result) {
    timeout_.Cancel();
    // A copy: the callback usually destroys this object.
    net::ConnectCallback connected = std::move(connected_);
    connected(std::move(result));
  }

  const UpstreamEnvironment& environment_;
  const UpstreamState& state_;
  std::string server_name_;
  net::ConnectCallback connected_;
  event::TimerWheel::Node timeout_;
  std::unique_ptr<net::Connecting> step_;
};

std::unique_ptr<net::Connecting> Dialer::Dial(const config::UpstreamServer& server,
                                              const net::Endpoint& address, uint64_t timeout_ms,
                                              net::ConnectCallback connected) const {
  const auto& tls = state_.config().tls;
  if (!tls) return environment_.network.Connect(address, timeout_ms, std::move(connected));
  return std::make_unique<TlsDialing>(
      environment_, state_, tls->server_name.empty() ? server.endpoint.host : tls->server_name,
      address, timeout_ms, std::move(connected));
}

}  // namespace sluice::proxy
