// The stream after the handshake: bytes, pauses, ends.
#include <cerrno>
#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "unit/tls/client_fixture.h"

namespace sluice::tls {
namespace {

// Bytes that no shift or swap leaves as they are.
std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

TEST_F(TlsClientTest, BytesGoBothWaysAndEndByCloseNotify) {
  std::string got;
  Server server({.identity = authority.Issue("DNS:app.example")}, [&](SSL* ssl, int) {
    char buffer[5];
    SSL_read(ssl, buffer, sizeof buffer);
    got.assign(buffer, sizeof buffer);
    WriteAll(ssl, "world");
    SSL_shutdown(ssl);
    got += ReadAll(ssl);
  });
  auto stream = Connect(server, Trusting());
  ASSERT_TRUE(stream.has_value()) << stream.error().message;
  EXPECT_EQ((*stream)->plain_fd(), -1);
  EXPECT_EQ((*stream)->peer().Host(), "127.0.0.1");
  const iovec parts[] = {Part("he"), Part(""), Part("llo")};
  EXPECT_EQ((*stream)->TryWrite(parts), 5);
  Peer peer(*loop);
  Serve(**stream, peer);
  EXPECT_EQ(peer.data, "world");
  EXPECT_TRUE(peer.ended);
  EXPECT_EQ(peer.error, std::nullopt);
  // The other direction is still open.
  const iovec more = Part(" again");
  EXPECT_EQ((*stream)->TryWrite({&more, 1}), 6);
  (*stream)->ShutdownWrite();
  server.Join();
  EXPECT_EQ(got, "hello again");
}

TEST_F(TlsClientTest, TruncationIsNoEnd) {
  Server server({.identity = authority.Issue("DNS:app.example")}, [](SSL* ssl, int) {
    WriteAll(ssl, "half of");
    SSL_set_quiet_shutdown(ssl, 1);
  });
  auto stream = Connect(server, Trusting());
  ASSERT_TRUE(stream.has_value());
  Peer peer(*loop);
  Serve(**stream, peer);
  EXPECT_EQ(peer.data, "half of");
  EXPECT_FALSE(peer.ended);
  EXPECT_EQ(peer.error, ECONNRESET);
}

TEST_F(TlsClientTest, BrokenRecordsAreAnError) {
  Server server({.identity = authority.Issue("DNS:app.example")}, [](SSL* ssl, int fd) {
    WriteAll(ssl, "good");
    EXPECT_EQ(send(fd, "\x17\x03\x03\x00\x20 that is no ciphertext at all, no", 37, 0), 37);
    char rest[256];
    while (recv(fd, rest, sizeof rest, 0) > 0) {
    }
  });
  auto stream = Connect(server, Trusting());
  ASSERT_TRUE(stream.has_value());
  Peer peer(*loop);
  Serve(**stream, peer);
  EXPECT_EQ(peer.data, "good");
  EXPECT_EQ(peer.error, EPROTO);
  const iovec part = Part("more");
  EXPECT_EQ((*stream)->TryWrite({&part, 1}), -EPROTO);
  stream->reset();
}

TEST_F(TlsClientTest, HugeWritesBothWaysWithBackpressure) {
  const std::string up = Pattern(6'000'000);
  const std::string down = Pattern(5'000'001);
  std::string got;
  Server server({.identity = authority.Issue("DNS:app.example")}, [&](SSL* ssl, int) {
    WriteAll(ssl, down);  // nothing is read meanwhile, so the client cannot write on
    got = ReadAll(ssl);
    SSL_shutdown(ssl);
  });
  auto stream = Connect(server, Trusting());
  ASSERT_TRUE(stream.has_value());
  Peer peer(*loop);
  peer.stream = stream->get();
  peer.to_send = up;
  // Reading stops at each piece, and goes on in a later turn.
  uint64_t pauses = 0;
  const auto resume =
      loop->MakeTimer([&] { (*stream)->ResumeReading(net::PauseReason::kBackpressure); });
  peer.on_data = [&] {
    ++pauses;
    (*stream)->PauseReading(net::PauseReason::kBackpressure);
    resume->Start(0);
  };
  (*stream)->SetHandler(&peer);
  peer.Write();
  loop->Run();
  EXPECT_TRUE(peer.ended);
  EXPECT_EQ(peer.sent, up.size());
  EXPECT_GT(peer.blocked, 0);
  EXPECT_GT(pauses, 100U);
  EXPECT_TRUE(peer.data == down);
  server.Join();
  EXPECT_TRUE(got == up);
}

TEST_F(TlsClientTest, PausedReadingHandsOverNothing) {
  Server server({.identity = authority.Issue("DNS:app.example")}, [](SSL* ssl, int) {
    for (const char* word : {"one ", "two ", "three"}) WriteAll(ssl, word);
    SSL_shutdown(ssl);
  });
  auto stream = Connect(server, Trusting());
  ASSERT_TRUE(stream.has_value());
  server.Join();  // all three records and the end are in the socket
  Peer peer(*loop);
  const auto look = loop->MakeTimer([&] {
    EXPECT_EQ(peer.data, "one ");
    EXPECT_FALSE(peer.ended);
    peer.on_data = nullptr;
    (*stream)->ResumeReading(net::PauseReason::kPipelined);
    EXPECT_EQ(peer.data, "one ") << "told from inside the call";
  });
  peer.on_data = [&] {
    (*stream)->PauseReading(net::PauseReason::kPipelined);
    look->Start(50);
  };
  Serve(**stream, peer);
  EXPECT_EQ(peer.data, "one two three");
  EXPECT_TRUE(peer.ended);
}

TEST_F(TlsClientTest, NewKeysAreTakenAndAnswered) {
  std::string got;
  Server server({.identity = authority.Issue("DNS:app.example")}, [&](SSL* ssl, int) {
    SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
    WriteAll(ssl, "under new keys");
    SSL_shutdown(ssl);
    got = ReadAll(ssl);
  });
  auto stream = Connect(server, Trusting());
  ASSERT_TRUE(stream.has_value());
  Peer peer(*loop);
  Serve(**stream, peer);
  EXPECT_EQ(peer.data, "under new keys");
  EXPECT_TRUE(peer.ended);
  const iovec part = Part("answer");
  EXPECT_EQ((*stream)->TryWrite({&part, 1}), 6);
  stream->reset();
  server.Join();
  EXPECT_EQ(got, "answer");
}

TEST_F(TlsClientTest, DestroyedStreamSaysGoodbye) {
  int last_error = 0;
  Server server({.identity = authority.Issue("DNS:app.example")}, [&](SSL* ssl, int) {
    ReadAll(ssl);
    last_error = SSL_get_error(ssl, 0);
  });
  ASSERT_TRUE(Connect(server, Trusting()).has_value());  // and it is gone
  server.Join();
  EXPECT_EQ(last_error, SSL_ERROR_ZERO_RETURN);
}

TEST_F(TlsClientTest, StreamsMayBeDestroyedInEachCallback) {
  for (const std::string where : {"data", "end", "closed", "writable"}) {
    SCOPED_TRACE(where);
    Server server({.identity = authority.Issue("DNS:app.example")}, [&](SSL* ssl, int) {
      if (where == "writable") return;
      WriteAll(ssl, "x");
      WriteAll(ssl, "y");
      if (where == "closed") SSL_set_quiet_shutdown(ssl, 1);
      if (where != "closed") SSL_shutdown(ssl);
    });
    auto stream = Connect(server, Trusting());
    ASSERT_TRUE(stream.has_value());
    struct Destroyer : Peer {
      using Peer::Peer;
      void OnWritable() override {
        if (on_writable) on_writable();
      }
      std::function<void()> on_writable;
    } peer(*loop);
    const auto destroy = [&] {
      stream->reset();
      loop->Stop();
    };
    if (where == "data") peer.on_data = destroy;
    if (where == "end") peer.on_end = destroy;
    if (where == "closed") peer.on_closed = destroy;
    if (where == "writable") peer.on_writable = destroy;
    (*stream)->SetHandler(&peer);
    if (where == "writable") (*stream)->WantWritable(true);
    loop->Run();
    EXPECT_EQ(*stream, nullptr);
  }
}

// A server of plain TCP: the kernel's answer to each connection is `answer`, then FIN.
TEST_F(TlsClientTest, WhatIsNoTlsFails) {
  const auto made = ClientContext::Make(Trusting());
  ASSERT_TRUE(made.has_value());
  for (const std::string answer : {"", "HTTP/1.1 400 Bad Request\r\n\r\n"}) {
    SCOPED_TRACE(answer);
    Result<std::unique_ptr<net::Stream>> result = Fail(Errc::kTimeout, "nothing came");
    std::unique_ptr<net::Stream> accepted;
    std::unique_ptr<net::Connecting> handshake;
    auto listener = network->Listen(
        {.endpoint = {.host = "127.0.0.1", .port = 0, .unix_path = {}}},
        [&](std::unique_ptr<net::Stream> stream) {
          accepted = std::move(stream);
          const iovec part = Part(answer);
          EXPECT_GE(accepted->TryWrite({&part, 1}), 0);
          accepted->ShutdownWrite();
        },
        [](bool) {});
    ASSERT_TRUE(listener.has_value());
    const auto connecting = network->Connect((*listener)->endpoint(), 5'000, [&](auto tcp) {
      ASSERT_TRUE(tcp.has_value());
      handshake = (*made)->Handshake(*loop, *std::move(tcp), "app.example", [&](auto secured) {
        result = std::move(secured);
        loop->Stop();
      });
    });
    loop->Run();
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().message,
              answer.empty() ? "TLS: the server closed the connection during the handshake"
                             : "TLS: wrong version number");
  }
}

}  // namespace
}  // namespace sluice::tls
