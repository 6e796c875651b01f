// net::Connecting: resolve, then connect to each address in turn until one answers.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "sluice/net/connector.h"
#include "uv/lookup.h"
#include "uv/loop_impl.h"
#include "uv/socket.h"

namespace sluice::uv {

class ConnectorImpl : public net::Connecting {
 public:
  ConnectorImpl(LoopImpl& loop, const net::Endpoint& endpoint, uint64_t timeout_ms,
                net::ConnectCallback connected);
  ~ConnectorImpl() override;

 private:
  void OnResolved(Result<std::vector<SocketAddress>> found);
  void TryNext();
  void OnReady();
  void Done(Result<std::unique_ptr<net::Stream>> result);
  void CloseAttempt();

  LoopImpl& loop_;
  net::Endpoint endpoint_;
  net::ConnectCallback connected_;
  std::optional<Lookup> lookup_;
  std::vector<SocketAddress> addresses_;
  size_t next_ = 0;
  int last_error_ = 0;
  int fd_ = -1;
  std::unique_ptr<event::FdWatcher> watcher_;
  std::unique_ptr<event::Timer> start_;
  std::unique_ptr<event::Timer> timeout_;
};

}  // namespace sluice::uv
