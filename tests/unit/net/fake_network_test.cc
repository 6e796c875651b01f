// The fake stream and network keep the promises of net/*.h, so that a test over them means
// something.
#include "support/fake_network.h"

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace sluice::testing {
namespace {

struct Handler : net::StreamHandler {
  void OnData(std::string_view bytes) override {
    log += std::string(bytes) + "|";
    if (on_data) on_data();
  }
  void OnEnd() override { log += "end|"; }
  void OnWritable() override {
    if (on_writable) on_writable();
  }
  void OnClosed(int error) override { log += "closed " + std::to_string(error) + "|"; }

  std::string log;
  std::function<void()> on_data;
  std::function<void()> on_writable;
};

ssize_t Write(net::Stream& stream, std::string text) {
  const iovec parts[] = {{text.data(), text.size() / 2},
                         {text.data() + text.size() / 2, text.size() - text.size() / 2}};
  return stream.TryWrite(parts);
}

class FakeStreamTest : public ::testing::Test {
 protected:
  FakeStreamTest() { stream_->SetHandler(&handler_); }

  Handler handler_;
  std::unique_ptr<FakeStream> stream_ = std::make_unique<FakeStream>();
  std::shared_ptr<FakePeer> peer_ = stream_->other_end();
};

TEST_F(FakeStreamTest, WritesTakeWhatTheBudgetAllows) {
  EXPECT_EQ(Write(*stream_, "hello"), 5);
  peer_->SetBudget(3);
  EXPECT_EQ(Write(*stream_, "abcdef"), 3);
  EXPECT_EQ(Write(*stream_, "def"), 0);
  EXPECT_EQ(peer_->TakeWritten(), "helloabc");
  EXPECT_EQ(peer_->writes(), 2U);
  EXPECT_EQ(peer_->write_calls(), 3U);
}

TEST_F(FakeStreamTest, WritableComesOnlyWhileWantedAndUsed) {
  peer_->SetBudget(0);
  int calls = 0;
  handler_.on_writable = [&] {
    ++calls;
    EXPECT_EQ(Write(*stream_, "x"), 1);
  };
  peer_->MakeWritable();
  EXPECT_EQ(calls, 0);
  stream_->WantWritable(true);
  EXPECT_TRUE(peer_->wants_writable());
  peer_->MakeWritable(2);
  EXPECT_EQ(calls, 2) << "the budget is used up";
  handler_.on_writable = [&] { ++calls; };
  peer_->MakeWritable();
  EXPECT_EQ(calls, 3) << "nothing was written";
  peer_->MakeWritable(0);
  EXPECT_EQ(calls, 3);
}

TEST_F(FakeStreamTest, BytesAndEndWaitWhileReadingIsPaused) {
  stream_->PauseReading(net::PauseReason::kPipelined);
  stream_->PauseReading(net::PauseReason::kBackpressure);
  peer_->Deliver("a");
  peer_->Deliver("b");
  peer_->DeliverEnd();
  stream_->ResumeReading(net::PauseReason::kPipelined);
  EXPECT_TRUE(peer_->paused(net::PauseReason::kBackpressure));
  peer_->Pump();
  EXPECT_EQ(handler_.log, "");
  stream_->ResumeReading(net::PauseReason::kBackpressure);
  EXPECT_FALSE(peer_->paused());
  peer_->Pump();
  EXPECT_EQ(handler_.log, "ab|end|");
}

TEST_F(FakeStreamTest, HandlerMayDestroyTheStream) {
  handler_.on_data = [&] { stream_.reset(); };
  peer_->Deliver("x");
  peer_->DeliverEnd();
  peer_->Kill(ECONNRESET);
  EXPECT_TRUE(peer_->destroyed());
  EXPECT_EQ(handler_.log, "x|");
}

TEST_F(FakeStreamTest, NothingComesAfterClosed) {
  stream_->WantWritable(true);
  peer_->Kill(ECONNRESET);
  peer_->Kill(EPIPE);
  peer_->Deliver("late");
  peer_->MakeWritable();
  EXPECT_EQ(handler_.log, "closed " + std::to_string(ECONNRESET) + "|");
  EXPECT_EQ(Write(*stream_, "x"), -ECONNRESET);
}

TEST_F(FakeStreamTest, FailedWritesAndShutdownAreSeen) {
  peer_->FailWrites(EPIPE);
  EXPECT_EQ(Write(*stream_, "x"), -EPIPE);
  EXPECT_EQ(handler_.log, "");
  stream_->ShutdownWrite();
  EXPECT_TRUE(peer_->shut_down());
  EXPECT_EQ(stream_->plain_fd(), -1);
}

class FakeNetworkTest : public ::testing::Test {
 protected:
  std::unique_ptr<net::Connecting> Connect() {
    return network_.Connect({.host = "redis", .port = 6379, .unix_path = {}}, 500,
                            [this](Result<std::unique_ptr<net::Stream>> result) {
                              ++callbacks_;
                              result_ = std::move(result);
                            });
  }

  FakeLoop loop_;
  FakeNetwork network_{loop_};
  int callbacks_ = 0;
  Result<std::unique_ptr<net::Stream>> result_;
};

TEST_F(FakeNetworkTest, ConnectEndsInALaterTurnAsTheTestSays) {
  const auto first = Connect();
  const auto second = Connect();
  EXPECT_EQ(network_.connects(), 2U);
  EXPECT_EQ(network_.connect_endpoint(1).host, "redis");
  EXPECT_EQ(network_.connect_timeout_ms(1), 500U);
  const auto peer = network_.CompleteConnect();
  EXPECT_EQ(callbacks_, 0);
  loop_.Turn();
  ASSERT_EQ(callbacks_, 1);
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(Write(**result_, "hi"), 2);
  EXPECT_EQ(peer->written(), "hi");

  EXPECT_TRUE(network_.FailConnect({Errc::kUnavailable, "refused"}));
  loop_.Turn();
  ASSERT_EQ(callbacks_, 2);
  ASSERT_FALSE(result_.has_value());
  EXPECT_EQ(result_.error().message, "refused");
  EXPECT_EQ(network_.pending_connects(), 0U);
  EXPECT_EQ(network_.CompleteConnect(), nullptr);
}

TEST_F(FakeNetworkTest, GivenUpConnectCallsNobody) {
  auto given_up = Connect();
  const auto peer = network_.CompleteConnect();
  given_up.reset();
  loop_.Turn();
  EXPECT_EQ(callbacks_, 0);
  EXPECT_TRUE(peer->destroyed());
}

TEST_F(FakeNetworkTest, ConnectTimesOutByTheLoopsClock) {
  const auto connecting = Connect();
  loop_.Advance(499);
  EXPECT_EQ(callbacks_, 0);
  loop_.Advance(1);
  ASSERT_EQ(callbacks_, 1);
  EXPECT_EQ(result_.error().code, Errc::kTimeout);
  EXPECT_EQ(network_.pending_connects(), 0U);
}

TEST_F(FakeNetworkTest, ListenerIsGivenClientsWhileItLives) {
  std::unique_ptr<net::Stream> client;
  bool exhausted = false;
  network_.FailNextListen({Errc::kSystem, "in use"});
  const net::ListenOptions options{.endpoint = {.host = "127.0.0.1", .port = 0, .unix_path = {}}};
  const auto listen = [&] {
    return network_.Listen(
        options, [&](std::unique_ptr<net::Stream> stream) { client = std::move(stream); },
        [&](bool on) { exhausted = on; });
  };
  EXPECT_FALSE(listen().has_value());
  auto listener = listen();
  ASSERT_TRUE(listener.has_value());
  EXPECT_NE((*listener)->endpoint().port, 0);
  EXPECT_EQ(network_.listens(), 1U);
  const auto peer = network_.Accept();
  ASSERT_NE(client, nullptr);
  EXPECT_FALSE(peer->destroyed());
  network_.SetExhausted(true);
  EXPECT_TRUE(exhausted);
  listener->reset();
  EXPECT_FALSE(network_.listening());
  EXPECT_EQ(network_.Accept(), nullptr);
}

}  // namespace
}  // namespace sluice::testing
