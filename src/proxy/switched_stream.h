// A connection that has switched protocols: as long as it lives, its place at the server is taken
// (max_connections, least_connections). It may outlive the upstream. Loop-thread only.
#pragma once

#include <memory>
#include <span>
#include <utility>

#include "sluice/net/stream.h"
#include "sluice/proxy/upstream_state.h"

namespace sluice::proxy {

class SwitchedStream final : public net::Stream {
 public:
  // The place is that of a call which has ended; `stats` counts it.
  SwitchedStream(std::unique_ptr<net::Stream> stream, std::shared_ptr<UpstreamState> upstream,
                 std::shared_ptr<ServerState> server, std::shared_ptr<ServerStats> stats)
      : upstream_(std::move(upstream)),
        server_(std::move(server)),
        stats_(std::move(stats)),
        stream_(std::move(stream)) {}
  ~SwitchedStream() override {
    stream_.reset();
    stats_->active.Sub();
    server_->Leave();
    if (!upstream_->line().empty()) upstream_->line().Offer();
  }
  SwitchedStream(const SwitchedStream&) = delete;
  SwitchedStream& operator=(const SwitchedStream&) = delete;

  void SetHandler(net::StreamHandler* handler) override { stream_->SetHandler(handler); }
  [[nodiscard]] ssize_t TryWrite(std::span<const iovec> parts) override {
    return stream_->TryWrite(parts);
  }
  void WantWritable(bool on) override { stream_->WantWritable(on); }
  void PauseReading(net::PauseReason reason) override { stream_->PauseReading(reason); }
  void ResumeReading(net::PauseReason reason) override { stream_->ResumeReading(reason); }
  void LimitReads(size_t bytes) override { stream_->LimitReads(bytes); }
  void ShutdownWrite() override { stream_->ShutdownWrite(); }
  void ResetOnClose() override { stream_->ResetOnClose(); }
  [[nodiscard]] int plain_fd() const override { return stream_->plain_fd(); }
  [[nodiscard]] const net::PeerAddress& peer() const override { return stream_->peer(); }

 private:
  std::shared_ptr<UpstreamState> upstream_;  // the server's state refers to it
  std::shared_ptr<ServerState> server_;
  std::shared_ptr<ServerStats> stats_;
  std::unique_ptr<net::Stream> stream_;
};

}  // namespace sluice::proxy
