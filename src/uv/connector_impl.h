// net::Connecting: resolve, then connect to each address in turn until one answers.
#pragma once

#include <memory>
#include <vector>

#include "sluice/net/connector.h"
#include "uv/loop_impl.h"
#include "uv/socket.h"

namespace sluice::uv {

class ConnectorImpl : public net::Connecting {
 public:
  ConnectorImpl(LoopImpl& loop, const net::Endpoint& endpoint, uint64_t timeout_ms,
                net::ConnectCallback connected);
  ~ConnectorImpl() override;

 private:
  struct Resolve;
  static void OnResolved(uv_getaddrinfo_t* request, int status, addrinfo* found);

  void StartResolve();
  void TryNext();
  void OnReady();
  void Done(Result<std::unique_ptr<net::Stream>> result);
  void CloseAttempt();

  LoopImpl& loop_;
  net::Endpoint endpoint_;
  net::ConnectCallback connected_;
  Resolve* resolve_ = nullptr;  // freed by its callback, which may come after us
  std::vector<SocketAddress> addresses_;
  size_t next_ = 0;
  int last_error_ = 0;
  int fd_ = -1;
  std::unique_ptr<event::FdWatcher> watcher_;
  std::unique_ptr<event::Timer> start_;
  std::unique_ptr<event::Timer> timeout_;
};

}  // namespace sluice::uv
