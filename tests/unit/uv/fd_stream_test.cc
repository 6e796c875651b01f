// A connection's stream: reading, pausing, and how its peer's leaving is told.
#include "uv/fd_stream.h"

#include <cerrno>
#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "unit/uv/network_fixture.h"

namespace sluice::uv {
namespace {

using FdStreamTest = NetworkTest;

TEST_F(FdStreamTest, BytesGoBothWaysAndFinIsToldOnce) {
  ConnectTcpPair();
  EXPECT_EQ(server->peer().Host(), "127.0.0.1");
  Recorder at_server(*loop);
  server->SetHandler(&at_server);
  const iovec parts[] = {Part("hel"), Part("lo")};
  EXPECT_EQ(client->TryWrite(parts), 5);
  client->ShutdownWrite();
  loop->Run();
  EXPECT_EQ(at_server.data, "hello");
  EXPECT_TRUE(at_server.ended);
  Recorder at_client(*loop);
  client->SetHandler(&at_client);
  const iovec answer = Part("still here");
  EXPECT_EQ(server->TryWrite({&answer, 1}), 10) << "a half-closed peer can be written to";
  at_client.on_data = [this] { loop->Stop(); };
  loop->Run();
  EXPECT_EQ(at_client.data, "still here");
}

TEST_F(FdStreamTest, FullSocketTurnsWritableWhenThePeerReads) {
  ConnectTcpPair();
  Recorder at_server(*loop);
  server->SetHandler(&at_server);
  ASSERT_GT(Fill(*server), 0U);
  server->WantWritable(true);
  Recorder at_client(*loop);
  client->SetHandler(&at_client);
  loop->Run();
  EXPECT_EQ(at_server.writable, 1);
}

TEST_F(FdStreamTest, ResetIsToldAsClosed) {
  ConnectTcpPair();
  Recorder at_server(*loop);
  server->SetHandler(&at_server);
  const linger now{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(setsockopt(client->plain_fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
  client.reset();
  loop->Run();
  EXPECT_EQ(at_server.error, ECONNRESET);
}

TEST_F(FdStreamTest, WritingToAGoneStreamIsAnErrorAndNotASignal) {
  ConnectTcpPair();
  Recorder at_server(*loop);
  server->SetHandler(&at_server);
  client.reset();
  loop->Run();
  ASSERT_TRUE(at_server.ended);
  const iovec part = Part("x");
  ssize_t n = 1;
  for (int i = 0; i < 1000 && n >= 0; ++i) n = server->TryWrite({&part, 1});
  EXPECT_TRUE(n == -EPIPE || n == -ECONNRESET) << n;
}

TEST_F(FdStreamTest, PausedReadingWaitsForAllReasonsToGo) {
  ConnectTcpPair();
  Recorder at_server(*loop);
  at_server.on_data = [this] { loop->Stop(); };
  server->SetHandler(&at_server);
  server->PauseReading(net::PauseReason::kPipelined);
  server->PauseReading(net::PauseReason::kBackpressure);
  const iovec part = Part("x");
  ASSERT_EQ(client->TryWrite({&part, 1}), 1);
  server->ResumeReading(net::PauseReason::kPipelined);
  const auto soon = loop->MakeTimer([this, &at_server] {
    EXPECT_EQ(at_server.data, "");
    server->ResumeReading(net::PauseReason::kBackpressure);
  });
  soon->Start(20);
  loop->Run();
  EXPECT_EQ(at_server.data, "x");
}

TEST_F(FdStreamTest, ReadTakesNoMoreThanItMayAndLosesNothing) {
  ConnectTcpPair();
  Recorder at_server(*loop);
  std::string pieces;
  at_server.on_data = [&] { pieces = at_server.data + (pieces.empty() ? "" : "|" + pieces); };
  server->SetHandler(&at_server);
  server->LimitReads(3);
  const iovec part = Part("hello");
  ASSERT_EQ(client->TryWrite({&part, 1}), 5);
  client->ShutdownWrite();
  loop->Run();
  EXPECT_EQ(pieces, "hello|hel");
  EXPECT_TRUE(at_server.ended);
}

TEST_F(FdStreamTest, ResetOfAPausedStreamIsTold) {
  for (const bool bytes_wait : {false, true}) {
    server.reset();
    ConnectTcpPair();
    Recorder at_server(*loop);
    server->SetHandler(&at_server);
    server->PauseReading(net::PauseReason::kPipelined);
    const iovec part = Part("x");
    if (bytes_wait) {
      ASSERT_EQ(client->TryWrite({&part, 1}), 1);
    }
    const auto soon = loop->MakeTimer([this] {
      client->ResetOnClose();
      client.reset();
    });
    soon->Start(20);
    loop->Run();
    EXPECT_EQ(at_server.error, ECONNRESET) << bytes_wait;
    EXPECT_EQ(at_server.data, "");
  }
}

TEST_F(FdStreamTest, EndOfAPausedStreamIsToldOnceAPause) {
  ConnectTcpPair();
  Recorder at_server(*loop);
  server->SetHandler(&at_server);
  server->PauseReading(net::PauseReason::kPipelined);
  const iovec part = Part("x");
  ASSERT_EQ(client->TryWrite({&part, 1}), 1);
  client->ShutdownWrite();
  loop->Run();
  EXPECT_EQ(at_server.end_waits, 1);
  const auto soon = loop->MakeTimer([this] { loop->Stop(); });
  soon->Start(20);
  loop->Run();
  EXPECT_EQ(at_server.end_waits, 1) << "and the loop may sleep";
  at_server.on_data = [this] { server->PauseReading(net::PauseReason::kPipelined); };
  server->ResumeReading(net::PauseReason::kPipelined);
  loop->Run();
  EXPECT_EQ(at_server.data, "x");
  EXPECT_EQ(at_server.end_waits, 2);
  EXPECT_FALSE(at_server.ended);
  server->ResumeReading(net::PauseReason::kPipelined);
  loop->Run();
  EXPECT_TRUE(at_server.ended);
}

TEST_F(FdStreamTest, WhatAPeerSentBeforeItLeftIsReadUnderBackpressure) {
  ConnectTcpPair();
  Recorder at_server(*loop);
  server->SetHandler(&at_server);
  server->PauseReading(net::PauseReason::kPipelined);
  server->PauseReading(net::PauseReason::kBackpressure);
  const iovec part = Part("x");
  ASSERT_EQ(client->TryWrite({&part, 1}), 1);
  client->ResetOnClose();
  client.reset();
  const auto soon = loop->MakeTimer([this, &at_server] {
    EXPECT_EQ(at_server.error, 0);
    server->ResumeReading(net::PauseReason::kPipelined);
    server->ResumeReading(net::PauseReason::kBackpressure);
  });
  soon->Start(20);
  loop->Run();
  EXPECT_EQ(at_server.data, "x");
  EXPECT_EQ(at_server.error, ECONNRESET);
  EXPECT_EQ(at_server.end_waits, 0);
}

TEST_F(FdStreamTest, ReaderThatIsPausedForAMomentMissesNothing) {
  ConnectTcpPair();
  Recorder at_server(*loop);
  server->SetHandler(&at_server);
  at_server.on_data = [this, &at_server] {
    server->PauseReading(net::PauseReason::kPipelined);
    server->ResumeReading(net::PauseReason::kPipelined);
    if (at_server.data.size() == 2) loop->Stop();
  };
  const iovec part = Part("x");
  ASSERT_EQ(client->TryWrite({&part, 1}), 1);
  const auto soon = loop->MakeTimer([this, &part] { EXPECT_EQ(client->TryWrite({&part, 1}), 1); });
  soon->Start(20);
  loop->Run();
  EXPECT_EQ(at_server.data, "xx");
}

TEST_F(FdStreamTest, StreamMayBeDestroyedInItsOwnCallback) {
  ConnectTcpPair();
  Recorder at_server(*loop);
  server->SetHandler(&at_server);
  server->WantWritable(true);
  at_server.on_data = [this] {
    server.reset();
    loop->Stop();
  };
  const iovec part = Part("x");
  ASSERT_EQ(client->TryWrite({&part, 1}), 1);
  while (server != nullptr && !timed_out) loop->Run();
  EXPECT_EQ(server, nullptr);
}

TEST_F(FdStreamTest, EndOfAPausedUnixStreamIsTold) {
  char folder[] = "/tmp/sluice-uv-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  net::ListenOptions options;
  options.endpoint = {.host = {}, .port = 0, .unix_path = std::string(folder) + "/s.sock"};
  Listen(options);
  ConnectPair(options.endpoint);
  Recorder at_server(*loop);
  server->SetHandler(&at_server);
  server->PauseReading(net::PauseReason::kPipelined);
  const iovec part = Part("x");
  ASSERT_EQ(client->TryWrite({&part, 1}), 1);
  client.reset();
  loop->Run();
  EXPECT_EQ(at_server.end_waits, 1);
  EXPECT_EQ(at_server.data, "");
  listener.reset();
  rmdir(folder);
}

}  // namespace
}  // namespace sluice::uv
