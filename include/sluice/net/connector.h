// Opens connections. Loop-thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "sluice/base/result.h"
#include "sluice/net/stream.h"

namespace sluice::net {

// One attempt to connect. Destroying it gives up; the callback then never comes.
class Connecting {
 public:
  virtual ~Connecting() = default;
};

using ConnectCallback = std::function<void(Result<std::unique_ptr<Stream>> result)>;

}  // namespace sluice::net
