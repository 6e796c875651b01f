#include "proxy/health_probe.h"

#include <utility>

#include <sys/uio.h>

#include <fmt/format.h>

namespace sluice::proxy {

HealthProbe::HealthProbe(const UpstreamEnvironment& environment, const Dialer& dialer,
                         const config::Upstream& upstream, const config::UpstreamServer& server,
                         const net::Endpoint& address, Done done)
    : environment_(environment),
      limits_{.head_bytes = upstream.head_bytes},
      done_(std::move(done)),
      timeout_(*this) {
  const config::HealthCheck& check = *upstream.health_check;
  request_ = fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: sluice-health-check\r\nConnection: close\r\n\r\n",
      check.path, check.host.empty() ? upstream.name : check.host);
  environment_.timers.Arm(timeout_, check.timeout_ms);
  connecting_ = dialer.Dial(
      server, address, check.timeout_ms,
      [this](Result<std::unique_ptr<net::Stream>> result) { OnConnected(std::move(result)); });
}

HealthProbe::~HealthProbe() {
  if (connection_ != nullptr) Connection::Drop(std::move(connection_));
}

void HealthProbe::OnConnected(Result<std::unique_ptr<net::Stream>> result) {
  connecting_.reset();
  if (!result) {
    Finish(result.error().message);
    return;
  }
  connection_ = std::make_unique<Connection>(environment_, nullptr, std::move(*result), limits_);
  connection_->Begin(*this, {});
  Write();
}

void HealthProbe::Write() {
  const iovec part{request_.data() + written_, request_.size() - written_};
  const ssize_t taken = connection_->stream().TryWrite({&part, 1});
  if (taken < 0) {
    Finish("the connection broke");
    return;
  }
  written_ += static_cast<size_t>(taken);
  connection_->stream().WantWritable(written_ < request_.size());
}

void HealthProbe::OnWritable() {
  Write();
}

void HealthProbe::OnHead(const http::ResponseHead& head) {
  const int status = head.status();
  Finish(status >= 200 && status < 400 ? "" : fmt::format("it answers {}", status));
}

void HealthProbe::OnSwitched(const http::ResponseHead& /*head*/, std::string_view /*rest*/) {
  Finish("it switched protocols");
}

void HealthProbe::OnBroken(CallFailure failure, bool /*untouched*/) {
  Finish(std::move(failure.detail));
}

void HealthProbe::OnTimeout(event::TimerWheel::Node& /*node*/) {
  Finish("no answer in time");
}

void HealthProbe::Finish(std::string fault) {
  timeout_.Cancel();
  connecting_.reset();
  if (connection_ != nullptr) Connection::Drop(std::move(connection_));
  const Done done = std::move(done_);
  done(std::move(fault));
}

}  // namespace sluice::proxy
