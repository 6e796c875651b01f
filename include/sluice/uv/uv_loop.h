// The real loop and network, over libuv. Only main, the worker threads and tests make them; all
// else takes event::Loop and net::Network. All of libuv is behind this header.
#pragma once

#include <memory>

#include "sluice/event/loop.h"
#include "sluice/net/network.h"

namespace sluice::uv {

// Made and destroyed on the thread that runs it, after everything that was made on it is gone. The
// destructor asserts that no handle was left open.
[[nodiscard]] std::unique_ptr<event::Loop> MakeLoop();

// `loop` must come from MakeLoop and outlive the network.
[[nodiscard]] std::unique_ptr<net::Network> MakeNetwork(event::Loop& loop);

// libuv's version, for --version.
[[nodiscard]] const char* Version();

}  // namespace sluice::uv
