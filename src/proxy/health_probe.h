// One health check of one address: a GET on a connection of its own. Loop-thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "proxy/connection.h"
#include "proxy/dialer.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/http/response_parser.h"

namespace sluice::proxy {

class HealthProbe final : private ConnectionUser, private event::TimerWheel::Handler {
 public:
  // Empty: it is well, a status of 2xx or 3xx. Else why not. It may destroy the probe.
  using Done = std::function<void(std::string fault)>;

  // `done` comes in a later turn, exactly once, unless the probe is destroyed first. References
  // must outlive it.
  HealthProbe(const UpstreamEnvironment& environment, const Dialer& dialer,
              const config::Upstream& upstream, const config::UpstreamServer& server,
              const net::Endpoint& address, Done done);
  ~HealthProbe() override;
  HealthProbe(const HealthProbe&) = delete;
  HealthProbe& operator=(const HealthProbe&) = delete;

 private:
  void OnConnected(Result<std::unique_ptr<net::Stream>> result);
  void Write();
  void Finish(std::string fault);

  void OnInterim(const http::ResponseHead& /*head*/) override {}
  void OnHead(const http::ResponseHead& head) override;
  void OnBody(std::string_view /*bytes*/) override {}
  void OnPause() override {}
  void OnMessageEnd(std::string_view /*trailers*/) override {}
  void OnSwitched(const http::ResponseHead& head, std::string_view rest) override;
  void OnWritable() override;
  void OnBroken(CallFailure failure, bool untouched) override;
  void OnDeadline() override {}
  void OnTimeout(event::TimerWheel::Node& node) override;

  const UpstreamEnvironment& environment_;
  const http::ResponseLimits limits_;
  Done done_;
  std::string request_;
  size_t written_ = 0;
  event::TimerWheel::Node timeout_;
  std::unique_ptr<net::Connecting> connecting_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace sluice::proxy
