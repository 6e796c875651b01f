// One question to the system's resolver, in a thread of its own kind. Loop-thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sluice/base/result.h"
#include "uv/loop_impl.h"
#include "uv/resolver_threads.h"
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
  Done done_;
  std::unique_ptr<event::Waker> answered_;
  std::shared_ptr<Question> question_;
};

}  // namespace sluice::uv
