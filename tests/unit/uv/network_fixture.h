// A real loop and network, and a connection over them of which a test holds both ends.
#pragma once

#include <csignal>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <sys/uio.h>

#include <gtest/gtest.h>

#include "sluice/uv/uv_loop.h"

namespace sluice::uv {

// Collects what a stream tells.
struct Recorder : net::StreamHandler {
  explicit Recorder(event::Loop& owner) : loop(owner) {}
  void OnData(std::string_view bytes) override {
    data += bytes;
    if (on_data) on_data();
  }
  void OnEnd() override {
    ended = true;
    loop.Stop();
  }
  void OnEndWaits() override {
    ++end_waits;
    loop.Stop();
  }
  void OnWritable() override {
    ++writable;
    loop.Stop();
  }
  void OnClosed(int closed_error) override {
    error = closed_error;
    loop.Stop();
  }
  event::Loop& loop;
  std::string data;
  bool ended = false;
  int end_waits = 0;
  int error = 0;
  int writable = 0;
  std::function<void()> on_data;
};

inline iovec Part(std::string_view bytes) {
  return iovec{const_cast<char*>(bytes.data()), bytes.size()};
}

class NetworkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    loop = MakeLoop();
    network = MakeNetwork(*loop);
    deadline = loop->MakeTimer([this] {
      timed_out = true;
      loop->Stop();
    });
    deadline->Start(10'000);
  }
  void TearDown() override {
    EXPECT_FALSE(timed_out);
    connecting.reset();
    client.reset();
    server.reset();
    listener.reset();
    deadline.reset();
    network.reset();
    loop.reset();
  }

  void Listen(const net::ListenOptions& options) {
    auto opened = network->Listen(
        options,
        [this](std::unique_ptr<net::Stream> stream) {
          server = std::move(stream);
          if (client) loop->Stop();
        },
        [](bool) {});
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    listener = std::move(*opened);
  }
  // Leaves both ends in `client` and `server`.
  void ConnectPair(const net::Endpoint& endpoint) {
    connecting =
        network->Connect(endpoint, 5'000, [this](Result<std::unique_ptr<net::Stream>> result) {
          ASSERT_TRUE(result.has_value()) << result.error().message;
          client = std::move(*result);
          if (server) loop->Stop();
        });
    loop->Run();
    ASSERT_NE(client, nullptr);
    ASSERT_NE(server, nullptr);
  }
  void ConnectTcpPair() {
    net::ListenOptions options;
    options.endpoint = {.host = "127.0.0.1", .port = 0, .unix_path = {}};
    Listen(options);
    ConnectPair(listener->endpoint());
  }
  Error ConnectError(const net::Endpoint& endpoint, uint64_t timeout_ms = 5'000) {
    Error error;
    connecting =
        network->Connect(endpoint, timeout_ms, [&](Result<std::unique_ptr<net::Stream>> result) {
          EXPECT_FALSE(result.has_value());
          if (!result) error = result.error();
          loop->Stop();
        });
    loop->Run();
    return error;
  }
  static size_t Fill(net::Stream& stream) {
    const std::string block(64 * 1024, 'x');
    const iovec part = Part(block);
    size_t taken = 0;
    for (;;) {
      const ssize_t n = stream.TryWrite({&part, 1});
      if (n <= 0) return taken;
      taken += static_cast<size_t>(n);
    }
  }

  std::unique_ptr<event::Loop> loop;
  std::unique_ptr<net::Network> network;
  std::unique_ptr<event::Timer> deadline;
  std::unique_ptr<net::Listener> listener;
  std::unique_ptr<net::Connecting> connecting;
  std::unique_ptr<net::Stream> client;
  std::unique_ptr<net::Stream> server;
  bool timed_out = false;
};

}  // namespace sluice::uv
