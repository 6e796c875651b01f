// An upstream on fakes, and calls to it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/config/proxy.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/proxy/upstream_set.h"
#include "support/fake_loop.h"
#include "support/fake_network.h"
#include "support/fake_stream.h"
#include "unit/proxy/caller.h"

namespace sluice::proxy {

using testing::FakeLoop;
using testing::FakeNetwork;
using testing::FakePeer;

class UpstreamFixture : public ::testing::Test {
 protected:
  static config::Upstream Config(size_t servers = 1) {
    config::Upstream config;
    config.name = "app";
    for (size_t i = 0; i < servers; ++i) {
      config::UpstreamServer server;
      server.endpoint = {.host = "192.0.2." + std::to_string(i + 1), .port = 80, .unix_path = ""};
      config.servers.push_back(server);
    }
    return config;
  }

  void Make(config::Upstream config = Config()) {
    state_ = std::make_shared<UpstreamState>(std::move(config));
    upstream_ = MakeUpstream({loop_, timers_, network_}, state_);
    stats_ = state_->AllStats().front();
  }

  ~UpstreamFixture() override {
    callers_.clear();
    upstream_.reset();
    loop_.Turn();
  }

  static CallRequest Get() {
    CallRequest request;
    request.head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    request.idempotent = true;
    return request;
  }
  static CallRequest Post(CallRequest::Body body = CallRequest::Body::kLength) {
    CallRequest request;
    request.head = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";
    request.body = body;
    return request;
  }

  Caller& Start(CallRequest request = Get()) {
    callers_.push_back(std::make_unique<Caller>());
    Caller& caller = *callers_.back();
    caller.call = upstream_->Start(std::move(request), caller);
    EXPECT_TRUE(caller.lines.empty()) << "called back from inside Start";
    return caller;
  }

  // The oldest pending connection is made.
  std::shared_ptr<FakePeer> Connect() {
    auto peer = network_.CompleteConnect();
    EXPECT_NE(peer, nullptr);
    loop_.Turn();
    return peer;
  }
  void RefuseConnect(Errc code = Errc::kSystem) {
    EXPECT_TRUE(network_.FailConnect({.code = code, .message = "refused"}));
    loop_.Turn();
  }

  // A call that leaves a kept connection behind.
  std::shared_ptr<FakePeer> KeptConnection() {
    Caller& caller = Start();
    auto peer = Connect();
    peer->Deliver(kOk);
    EXPECT_EQ(caller.lines.back(), "end");
    EXPECT_FALSE(peer->destroyed());
    static_cast<void>(peer->TakeWritten());
    return peer;
  }

  // Where the attempts to connect went, by the last number of the address.
  [[nodiscard]] std::string Attempts(size_t from = 0) const {
    std::string text;
    for (size_t i = from; i < network_.connects(); ++i)
      text += network_.connect_endpoint(i).host.back();
    return text;
  }
  [[nodiscard]] const ServerStats& server_stats(size_t server = 0) const {
    return stats_->servers[server];
  }

  static constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

  FakeLoop loop_;
  FakeNetwork network_{loop_};
  event::TimerWheel timers_{loop_};
  std::shared_ptr<UpstreamState> state_;
  std::shared_ptr<const UpstreamStats> stats_;
  std::unique_ptr<Upstream> upstream_;
  std::vector<std::unique_ptr<Caller>> callers_;
};

}  // namespace sluice::proxy
