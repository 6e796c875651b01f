// What the tests of the client's side share: real sockets, and a server made of OpenSSL's own
// calls.
#pragma once

#include <cerrno>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "sluice/tls/client.h"
#include "sluice/uv/uv_loop.h"
#include "unit/tls/certificates.h"
#include "unit/tls/server.h"

namespace sluice::tls {
inline iovec Part(std::string_view bytes) {
  return iovec{const_cast<char*>(bytes.data()), bytes.size()};
}

// Reads until close_notify, or what else ends it.
inline std::string ReadAll(SSL* ssl) {
  std::string all;
  char buffer[4096];
  for (int n; (n = SSL_read(ssl, buffer, sizeof buffer)) > 0;)
    all.append(buffer, static_cast<size_t>(n));
  return all;
}

inline void WriteAll(SSL* ssl, const std::string& bytes) {
  size_t written = 0;
  if (!bytes.empty()) SSL_write_ex(ssl, bytes.data(), bytes.size(), &written);
}

// Collects what a stream tells, and writes what it is given.
struct Peer : net::StreamHandler {
  explicit Peer(event::Loop& owner) : loop(owner) {}

  void OnData(std::string_view bytes) override {
    data += bytes;
    if (on_data) on_data();
  }
  void OnEnd() override {
    ended = true;
    if (on_end) on_end();
    loop.Stop();
  }
  void OnWritable() override { Write(); }
  void OnClosed(int closed_error) override {
    error = closed_error;
    if (on_closed) on_closed();
    loop.Stop();
  }
  void Write() {
    while (sent < to_send.size()) {
      const iovec part = Part(std::string_view(to_send).substr(sent));
      const ssize_t n = stream->TryWrite({&part, 1});
      ASSERT_GE(n, 0);
      if (n == 0) {
        ++blocked;
        stream->WantWritable(true);
        return;
      }
      sent += static_cast<size_t>(n);
    }
    stream->WantWritable(false);
    stream->ShutdownWrite();
  }

  event::Loop& loop;
  net::Stream* stream = nullptr;
  std::string data;
  std::string to_send;
  size_t sent = 0;
  int blocked = 0;
  bool ended = false;
  std::optional<int> error;
  std::function<void()> on_data;
  std::function<void()> on_end;
  std::function<void()> on_closed;
};

class TlsClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);  // for the server: OpenSSL's socket BIO writes without a flag
    deadline->Start(20'000);
  }
  void TearDown() override { EXPECT_FALSE(timed_out); }

  ClientOptions Trusting() const { return {true, authority.Pem(), "", ""}; }

  // Connects, and returns how the handshake ended.
  Result<std::unique_ptr<net::Stream>> Connect(const Server& server, const ClientOptions& options,
                                               const std::string& name = "app.example") {
    auto made = ClientContext::Make(options);
    EXPECT_TRUE(made.has_value()) << made.error().message;
    return Connect(server, **made, name);
  }
  Result<std::unique_ptr<net::Stream>> Connect(const Server& server, const ClientContext& context,
                                               const std::string& name) {
    Result<std::unique_ptr<net::Stream>> result = Fail(Errc::kTimeout, "nothing came");
    std::unique_ptr<net::Connecting> handshake;
    bool returned = false;
    const auto connecting =
        network->Connect(server.endpoint(), 5'000, [&](Result<std::unique_ptr<net::Stream>> tcp) {
          ASSERT_TRUE(tcp.has_value());
          handshake = context.Handshake(*loop, *std::move(tcp), name, [&](auto secured) {
            EXPECT_TRUE(returned) << "the callback came from inside the call";
            result = std::move(secured);
            handshake.reset();
            loop->Stop();
          });
          returned = true;
        });
    loop->Run();
    return result;
  }
  // The error of a handshake that must fail.
  std::string Refusal(const Server& server, const ClientOptions& options,
                      const std::string& name = "app.example") {
    const auto result = Connect(server, options, name);
    EXPECT_FALSE(result.has_value());
    return result ? "" : result.error().message;
  }

  // Runs until the stream has ended or is dead.
  void Serve(net::Stream& stream, Peer& peer) {
    peer.stream = &stream;
    stream.SetHandler(&peer);
    loop->Run();
  }

  Authority authority;
  std::unique_ptr<event::Loop> loop = uv::MakeLoop();
  std::unique_ptr<net::Network> network = uv::MakeNetwork(*loop);
  bool timed_out = false;
  std::unique_ptr<event::Timer> deadline = loop->MakeTimer([this] {
    timed_out = true;
    loop->Stop();
  });
};

}  // namespace sluice::tls
