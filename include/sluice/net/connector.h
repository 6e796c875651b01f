// Opens connections, and finds out where names are. Loop-thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "sluice/base/result.h"
#include "sluice/net/address.h"
#include "sluice/net/stream.h"

namespace sluice::net {

// One attempt to connect. Destroying it gives up; the callback then never comes.
class Connecting {
 public:
  virtual ~Connecting() = default;
};

using ConnectCallback = std::function<void(Result<std::unique_ptr<Stream>> result)>;

// One lookup of a name. Destroying it gives up; the callback then never comes.
class Resolving {
 public:
  virtual ~Resolving() = default;
};

using ResolveCallback = std::function<void(Result<std::vector<Endpoint>> result)>;

}  // namespace sluice::net
