// Calls over real sockets and the real loop: TCP, unix sockets and names.

#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/event/timer_wheel.h"
#include "sluice/proxy/upstream_set.h"
#include "sluice/uv/uv_loop.h"
#include "unit/proxy/caller.h"

namespace sluice::proxy {
namespace {

using ::testing::ElementsAre;

iovec Part(std::string_view bytes) {
  return {const_cast<char*>(bytes.data()), bytes.size()};
}

// A server on the test's own loop: answers each head that comes with the same bytes.
class Server {
 public:
  Server(net::Network& network, const net::Endpoint& endpoint) {
    net::ListenOptions options;
    options.endpoint = endpoint;
    auto opened = network.Listen(
        options,
        [this](std::unique_ptr<net::Stream> stream) {
          clients_.push_back(std::make_unique<Client>(*this, std::move(stream)));
        },
        [](bool) {});
    EXPECT_TRUE(opened.has_value());
    listener_ = std::move(*opened);
  }

  [[nodiscard]] const net::Endpoint& endpoint() const { return listener_->endpoint(); }
  [[nodiscard]] size_t connections() const { return clients_.size(); }
  [[nodiscard]] size_t requests() const { return requests_; }
  [[nodiscard]] const std::string& received() const { return received_; }
  void SetAnswer(std::string answer) { answer_ = std::move(answer); }
  // The next request is answered by a reset.
  void ResetOnRequest() { reset_ = true; }
  void CloseIdle() {
    for (auto& client : clients_) client->stream.reset();
  }

 private:
  struct Client : net::StreamHandler {
    Client(Server& owner, std::unique_ptr<net::Stream> connected)
        : server(owner), stream(std::move(connected)) {
      stream->SetHandler(this);
    }
    void OnData(std::string_view bytes) override {
      server.received_ += bytes;
      in += bytes;
      for (size_t end = in.find("\r\n\r\n"); end != std::string::npos; end = in.find("\r\n\r\n")) {
        in.erase(0, end + 4);
        ++server.requests_;
        if (std::exchange(server.reset_, false)) {
          const linger hard{.l_onoff = 1, .l_linger = 0};
          setsockopt(stream->plain_fd(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
          stream.reset();
          return;
        }
        out += server.answer_;
      }
      Write();
    }
    void Write() {
      const iovec part = Part(out);
      const ssize_t taken = out.empty() ? 0 : stream->TryWrite({&part, 1});
      if (taken > 0) out.erase(0, static_cast<size_t>(taken));
      stream->WantWritable(!out.empty());
    }
    void OnEnd() override { stream.reset(); }
    void OnWritable() override { Write(); }
    void OnClosed(int /*error*/) override { stream.reset(); }
    Server& server;
    std::unique_ptr<net::Stream> stream;
    std::string in;
    std::string out;
  };

  std::unique_ptr<net::Listener> listener_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::string answer_ = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  std::string received_;
  size_t requests_ = 0;
  bool reset_ = false;
};

class RealSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    deadline_ = loop_->MakeTimer([this] {
      ADD_FAILURE() << "took too long";
      loop_->Stop();
    });
    deadline_->Start(10'000);
  }
  void TearDown() override {
    upstream_.reset();
    server_.reset();
    deadline_.reset();
    timers_.reset();
    network_.reset();
    loop_.reset();
  }

  void Serve(const net::Endpoint& endpoint = {.host = "127.0.0.1", .port = 0, .unix_path = ""}) {
    server_ = std::make_unique<Server>(*network_, endpoint);
    config_.servers.push_back({.endpoint = server_->endpoint()});
  }
  void Make() {
    config_.name = "app";
    state_ = std::make_shared<UpstreamState>(config_);
    upstream_ = MakeUpstream({*loop_, *timers_, *network_}, state_);
  }
  // Runs one call to its end and returns what it told.
  Lines Go(std::string_view body = {}) {
    Caller caller;
    caller.react = [this](std::string_view line) {
      if (line.starts_with("end") || line.starts_with("failed")) loop_->Stop();
    };
    CallRequest request;
    request.head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    request.idempotent = true;
    if (!body.empty()) request.body = CallRequest::Body::kLength;
    caller.call = upstream_->Start(std::move(request), caller);
    if (!body.empty()) {
      caller.call->SendBody(body);
      caller.call->EndBody({});
    }
    loop_->Run();
    return caller.lines;
  }
  // Lets the loop see what has happened to other connections.
  void Breathe() {
    const auto soon = loop_->MakeTimer([this] { loop_->Stop(); });
    soon->Start(5);
    loop_->Run();
  }

  std::unique_ptr<event::Loop> loop_ = uv::MakeLoop();
  std::unique_ptr<net::Network> network_ = uv::MakeNetwork(*loop_);
  std::unique_ptr<event::TimerWheel> timers_ = std::make_unique<event::TimerWheel>(*loop_);
  std::unique_ptr<event::Timer> deadline_;
  config::Upstream config_;
  std::shared_ptr<UpstreamState> state_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Upstream> upstream_;
};

TEST_F(RealSocketTest, CallsShareAConnection) {
  Serve();
  Make();
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(Go(), ElementsAre("head 200", "body ok", "end"));
  }
  EXPECT_EQ(server_->connections(), 1U);
  EXPECT_EQ(server_->requests(), 20U);
}

TEST_F(RealSocketTest, StaleConnectionsAreReplaced) {
  Serve();
  Make();
  EXPECT_EQ(Go().back(), "end");
  server_->CloseIdle();
  EXPECT_EQ(Go().back(), "end");
  server_->ResetOnRequest();
  EXPECT_EQ(Go().back(), "end") << "one more try";
  EXPECT_EQ(server_->requests(), 4U);
  server_->CloseIdle();
  Breathe();
  server_->ResetOnRequest();
  EXPECT_THAT(Go(), ElementsAre("failed closed")) << "the connection was fresh";
}

TEST_F(RealSocketTest, LargeBodiesGoBothWays) {
  Serve();
  Make();
  const std::string body(3'000'000, 'x');
  // Through the server's buffers: it answers after the first head, so this is an early answer.
  EXPECT_EQ(Go(body).back(), "end");
  const std::string large(200'000, 'y');
  server_->SetAnswer("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + large);
  const Lines lines = Go();
  EXPECT_TRUE(lines.back() == "end");
  std::string got;
  for (const std::string& line : lines) {
    if (line.starts_with("body ")) got += line.substr(5);
  }
  EXPECT_TRUE(got == large) << got.size();
}

TEST_F(RealSocketTest, RefusedServerGivesWayToTheNext) {
  {
    const Server gone(*network_, {.host = "127.0.0.1", .port = 0, .unix_path = ""});
    config_.servers.push_back({.endpoint = gone.endpoint()});
  }
  Serve();
  Make();
  for (int i = 0; i < 8; ++i) EXPECT_EQ(Go().back(), "end");
  EXPECT_FALSE(state_->up(0));
  EXPECT_TRUE(state_->up(1));
  EXPECT_EQ(state_->AllStats().front()->servers[0].failures(CallFailure::Kind::kConnect), 3U);
}

TEST_F(RealSocketTest, NamesAndUnixSockets) {
  Serve();
  config_.servers[0].endpoint.host = "localhost";
  Make();
  EXPECT_EQ(Go().back(), "end");
  const std::string path =
      (std::filesystem::temp_directory_path() / ("sluice-app-" + std::to_string(getpid())))
          .string();
  upstream_.reset();
  config_.servers.clear();
  Serve({.host = "", .port = 0, .unix_path = path});
  Make();
  EXPECT_EQ(Go().back(), "end");
  EXPECT_EQ(Go().back(), "end");
  EXPECT_EQ(server_->connections(), 1U);
}

}  // namespace
}  // namespace sluice::proxy
