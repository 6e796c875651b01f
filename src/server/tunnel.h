// Two connections joined after 101 (RFC 9110 7.8): what one side sends the other gets. A side that
// is slower pauses the other. The client's FIN is passed on; the upstream's ends both.
// Worker-thread only.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "server/outgoing.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/net/stream.h"
#include "sluice/server/exchange.h"

namespace sluice::server {

class Tunnel final : private net::StreamHandler, private event::TimerWheel::Handler {
 public:
  // What goes through is counted in `record`. `over` is called once, last, when the tunnel is to
  // end; the owner then ends the exchange, and destroys the tunnel in this turn or later. It ends
  // after `idle_ms` in which no byte moved.
  Tunnel(Exchange& exchange, std::unique_ptr<net::Stream> upstream, event::TimerWheel& timers,
         uint64_t idle_ms, proxy::CallRecord& record, std::function<void()> over)
      : exchange_(exchange),
        record_(record),
        upstream_(std::move(upstream)),
        timers_(timers),
        idle_ms_(idle_ms),
        over_(std::move(over)) {}

  // `first` is what the upstream has sent already.
  void Start(std::string_view first) {
    timers_.Arm(idle_, idle_ms_);
    upstream_->SetHandler(this);
    if (!first.empty()) Pass(first);
  }

  void OnClientData(std::string_view bytes) {
    if (upstream_ == nullptr) return;
    timers_.Arm(idle_, idle_ms_);
    const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    Write({&part, 1});
    if (!outgoing_.empty()) exchange_.PauseBody();
  }
  void OnClientEnd() {
    client_ended_ = true;
    if (upstream_ != nullptr && outgoing_.empty()) upstream_->ShutdownWrite();
  }
  // The client has taken what waited.
  void OnClientSent() {
    if (upstream_ == nullptr) return;
    timers_.Arm(idle_, idle_ms_);
    upstream_->ResumeReading(net::PauseReason::kBackpressure);
  }

 private:
  static constexpr size_t kBufferBytes = size_t{64} * 1024;

  void OnData(std::string_view bytes) override {
    record_.bytes_received += bytes.size();
    timers_.Arm(idle_, idle_ms_);
    Pass(bytes);
  }
  void Pass(std::string_view bytes) {
    exchange_.SendBody(bytes);
    exchange_.FlushAnswer();
    if (exchange_.unsent() > kBufferBytes) {
      upstream_->PauseReading(net::PauseReason::kBackpressure);
    }
  }
  void OnEnd() override { End(); }
  void OnWritable() override {
    timers_.Arm(idle_, idle_ms_);
    Write({});
    if (!outgoing_.empty()) return;
    if (client_ended_) upstream_->ShutdownWrite();
    exchange_.ResumeBody();
  }
  void OnClosed(int /*error*/) override { End(); }
  void OnTimeout(event::TimerWheel::Node& /*node*/) override { End(); }

  // A stream that is dead says so by OnClosed, or at the next read.
  void Write(std::span<const iovec> parts) {
    if (parts.empty() && outgoing_.empty()) return;
    const ssize_t taken =
        outgoing_.WriteThrough(*upstream_, parts, outgoing_.empty() || parts.empty());
    if (taken < 0) {
      outgoing_.Clear();
    } else {
      record_.bytes_sent += static_cast<uint64_t>(taken);
    }
    upstream_->WantWritable(!outgoing_.empty());
  }

  // Without its stream nothing calls back any more, not even what else happened in the same turn.
  void End() {
    idle_.Cancel();
    upstream_.reset();
    over_();
  }

  Exchange& exchange_;
  proxy::CallRecord& record_;
  std::unique_ptr<net::Stream> upstream_;  // null: it is over
  event::TimerWheel& timers_;
  event::TimerWheel::Node idle_{*this};
  uint64_t idle_ms_;
  std::function<void()> over_;
  Outgoing outgoing_;  // to the upstream
  bool client_ended_ = false;
};

}  // namespace sluice::server
