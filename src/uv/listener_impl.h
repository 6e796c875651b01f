// net::Listener: a listening socket with a budget of accepts a turn. See net/listener.h.
#pragma once

#include <memory>

#include "sluice/net/listener.h"
#include "uv/loop_impl.h"

namespace sluice::uv {

class ListenerImpl : public net::Listener {
 public:
  [[nodiscard]] static Result<std::unique_ptr<net::Listener>> Open(
      LoopImpl& loop, const net::ListenOptions& options, net::AcceptCallback accepted,
      net::ExhaustedCallback exhausted);
  ~ListenerImpl() override;

  [[nodiscard]] const net::Endpoint& endpoint() const override { return options_.endpoint; }
  void SetClientOptions(uint32_t notsent_lowat_bytes, uint32_t user_timeout_ms) override;

 private:
  ListenerImpl(LoopImpl& loop, int fd, const net::ListenOptions& options,
               net::AcceptCallback accepted, net::ExhaustedCallback exhausted);
  void AcceptSome();
  void Pause();

  LoopImpl& loop_;
  int fd_;
  net::ListenOptions options_;
  net::AcceptCallback accepted_;
  net::ExhaustedCallback exhausted_;
  bool is_exhausted_ = false;
  std::unique_ptr<event::Timer> resume_;
  std::unique_ptr<event::FdWatcher> watcher_;
};

}  // namespace sluice::uv
