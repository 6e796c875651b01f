// One question to the system's resolver, in libuv's thread pool. Loop-thread only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <uv.h>

#include "sluice/base/result.h"
#include "uv/loop_impl.h"
#include "uv/socket.h"

namespace sluice::uv {

class Lookup {
 public:
  using Done = std::function<void(Result<std::vector<SocketAddress>> result)>;

  // `done` comes in a later turn, with one address at least, unless the Lookup is destroyed first.
  Lookup(LoopImpl& loop, const std::string& host, uint16_t port, Done done);
  ~Lookup();
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;

 private:
  struct Request;
  static void OnResolved(uv_getaddrinfo_t* raw, int status, addrinfo* found);
  [[nodiscard]] tl::unexpected<Error> Failure(int status) const;
  void Finish(Result<std::vector<SocketAddress>> result);

  std::string host_;
  uint16_t port_;
  Done done_;
  Request* request_ = nullptr;            // freed by its callback, which may come after us
  std::unique_ptr<event::Timer> failed_;  // tells, in a later turn, that there was no asking
};

}  // namespace sluice::uv
