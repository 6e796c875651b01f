// max_connections over threads: two workers on their own loops, one server on a third.

#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/event/timer_wheel.h"
#include "sluice/proxy/upstream_set.h"
#include "sluice/uv/uv_loop.h"
#include "unit/proxy/caller.h"

namespace sluice::proxy {
namespace {

constexpr int kCallsOfAWorker = 300;
constexpr size_t kAtOnce = 8;
constexpr uint32_t kPlaces = 2;

// Answers each request a moment later, and counts how many it has at once.
class SlowServer {
 public:
  explicit SlowServer(event::Loop& loop, net::Network& network) : loop_(loop) {
    net::ListenOptions options;
    options.endpoint = {.host = "127.0.0.1", .port = 0, .unix_path = ""};
    auto opened = network.Listen(
        options,
        [this](std::unique_ptr<net::Stream> stream) {
          clients_.push_back(std::make_unique<Client>(*this, std::move(stream)));
        },
        [](bool) {});
    listener_ = std::move(*opened);
  }
  [[nodiscard]] const net::Endpoint& endpoint() const { return listener_->endpoint(); }
  [[nodiscard]] uint32_t most() const { return most_; }

 private:
  struct Client : net::StreamHandler {
    Client(SlowServer& owner, std::unique_ptr<net::Stream> connected)
        : server(owner),
          stream(std::move(connected)),
          answer(server.loop_.MakeTimer([this] { Answer(); })) {
      stream->SetHandler(this);
    }
    void OnData(std::string_view /*bytes*/) override {
      server.most_ = std::max(server.most_, ++server.now_);
      answer->Start(1);
    }
    void Answer() {
      --server.now_;
      static std::string bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
      const iovec part{bytes.data(), bytes.size()};
      EXPECT_GT(stream->TryWrite({&part, 1}), 0);
    }
    void OnEnd() override { stream.reset(); }
    void OnWritable() override {}
    void OnClosed(int /*error*/) override { stream.reset(); }
    SlowServer& server;
    std::unique_ptr<net::Stream> stream;
    std::unique_ptr<event::Timer> answer;
  };

  event::Loop& loop_;
  std::unique_ptr<net::Listener> listener_;
  std::vector<std::unique_ptr<Client>> clients_;
  uint32_t now_ = 0;
  uint32_t most_ = 0;
};

// Makes its calls, several at once. Returns how many ended well.
int Work(const std::shared_ptr<UpstreamState>& state) {
  const auto loop = uv::MakeLoop();
  const auto network = uv::MakeNetwork(*loop);
  event::TimerWheel timers(*loop);
  const auto upstream = MakeUpstream({*loop, timers, *network}, state);
  const auto deadline = loop->MakeTimer([&] { loop->Stop(); });
  deadline->Start(20'000);
  std::vector<std::unique_ptr<Caller>> callers(kAtOnce);
  int started = 0;
  int well = 0;
  int over = 0;
  std::vector<std::unique_ptr<Caller>> done;
  const std::function<void(size_t)> start = [&](size_t at) {
    if (started == kCallsOfAWorker) return;
    ++started;
    if (callers[at] != nullptr) done.push_back(std::move(callers[at]));
    callers[at] = std::make_unique<Caller>();
    callers[at]->react = [&, at](std::string_view line) {
      if (line != "end" && !line.starts_with("failed")) return;
      if (line == "end") ++well;
      if (++over == kCallsOfAWorker) loop->Stop();
      start(at);
    };
    CallRequest request;
    request.head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    request.idempotent = true;
    callers[at]->call = upstream->Start(std::move(request), *callers[at]);
  };
  for (size_t at = 0; at < kAtOnce; ++at) start(at);
  loop->Run();
  callers.clear();
  done.clear();
  return well;
}

TEST(SharedPlacesTest, WorkersOnTheirOwnThreadsShareThePlacesAndLoseNone) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto loop = uv::MakeLoop();
  const auto network = uv::MakeNetwork(*loop);
  auto server = std::make_unique<SlowServer>(*loop, *network);
  config::Upstream config;
  config.name = "app";
  config.servers.push_back({.endpoint = server->endpoint()});
  config.max_connections = kPlaces;
  config.queue_timeout_ms = 15'000;
  const auto state = std::make_shared<UpstreamState>(config);

  std::atomic<int> running{2};
  std::atomic<int> well{0};
  const auto waker = loop->MakeWaker([&] {
    if (running.load() == 0) loop->Stop();
  });
  std::vector<std::thread> workers;
  for (int i = 0; i < 2; ++i) {
    workers.emplace_back([&] {
      well += Work(state);
      --running;
      waker->Wake();
    });
  }
  loop->Run();
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(well.load(), 2 * kCallsOfAWorker);
  EXPECT_LE(server->most(), kPlaces);
  EXPECT_TRUE(state->line().empty());
  server.reset();
}

}  // namespace
}  // namespace sluice::proxy
