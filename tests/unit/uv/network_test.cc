// The real loop and network, over loopback and unix sockets.

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <optional>
#include <string>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "sluice/uv/uv_loop.h"

namespace sluice::uv {
namespace {

using ::testing::HasSubstr;

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
  int error = 0;
  int writable = 0;
  std::function<void()> on_data;
};

iovec Part(std::string_view bytes) {
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

TEST_F(NetworkTest, BytesGoBothWaysAndFinIsToldOnce) {
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

TEST_F(NetworkTest, AcceptedSocketsInheritTheListenersOptions) {
  net::ListenOptions options;
  options.endpoint = {.host = "127.0.0.1", .port = 0, .unix_path = {}};
  options.notsent_lowat_bytes = 12'345;
  options.user_timeout_ms = 6'789;
  Listen(options);
  ConnectPair(listener->endpoint());
  const auto option = [this](int name) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(getsockopt(server->plain_fd(), IPPROTO_TCP, name, &value, &size), 0);
    return value;
  };
  EXPECT_EQ(option(TCP_NODELAY), 1);
  EXPECT_EQ(option(TCP_NOTSENT_LOWAT), 12'345);
  EXPECT_EQ(option(TCP_USER_TIMEOUT), 6'789);
}

TEST_F(NetworkTest, AcceptingHasABudgetPerTurn) {
  constexpr int kClients = 7;
  net::ListenOptions options;
  options.endpoint = {.host = "127.0.0.1", .port = 0, .unix_path = {}};
  options.accepts_per_turn = 2;
  int this_turn = 0;
  int most_in_a_turn = 0;
  int accepted = 0;
  auto opened = network->Listen(
      options,
      [&](std::unique_ptr<net::Stream>) {
        most_in_a_turn = std::max(most_in_a_turn, ++this_turn);
        if (++accepted == kClients) loop->Stop();
      },
      [](bool) {});
  ASSERT_TRUE(opened.has_value());
  const auto turns = loop->MakeIdle([&this_turn] { this_turn = 0; });
  turns->Start();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons((*opened)->endpoint().port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int clients[kClients];
  for (int& fd : clients) {
    fd = socket(AF_INET, SOCK_STREAM, 0);
    // Into the listen queue: all wait there before the loop runs.
    ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  loop->Run();
  for (const int fd : clients) close(fd);
  EXPECT_EQ(accepted, kClients);
  EXPECT_EQ(most_in_a_turn, 2);
}

TEST_F(NetworkTest, FullSocketTurnsWritableWhenThePeerReads) {
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

TEST_F(NetworkTest, ResetIsToldAsClosed) {
  ConnectTcpPair();
  Recorder at_server(*loop);
  server->SetHandler(&at_server);
  const linger now{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(setsockopt(client->plain_fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
  client.reset();
  loop->Run();
  EXPECT_EQ(at_server.error, ECONNRESET);
}

TEST_F(NetworkTest, WritingToAGoneStreamIsAnErrorAndNotASignal) {
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

TEST_F(NetworkTest, PausedReadingWaitsForAllReasonsToGo) {
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

TEST_F(NetworkTest, StreamMayBeDestroyedInItsOwnCallback) {
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

TEST_F(NetworkTest, RefusedConnectionSaysWhereAndWhy) {
  ConnectTcpPair();
  const net::Endpoint gone = listener->endpoint();
  listener.reset();
  const Error error = ConnectError(gone);
  EXPECT_EQ(error.code, Errc::kSystem);
  EXPECT_THAT(error.message, HasSubstr(gone.ToString()));
  EXPECT_THAT(error.message, HasSubstr("refused"));
}

TEST_F(NetworkTest, NamesAreResolved) {
  net::ListenOptions options;
  options.endpoint = {.host = "127.0.0.1", .port = 0, .unix_path = {}};
  Listen(options);
  ConnectPair({.host = "localhost", .port = listener->endpoint().port, .unix_path = {}});
  EXPECT_EQ(server->peer().Host(), "127.0.0.1");
}

TEST_F(NetworkTest, ResolveGivesEachAddressOnceWithThePort) {
  const auto resolve = [this](const std::string& host) {
    std::optional<Result<std::vector<net::Endpoint>>> found;
    const auto resolving = network->Resolve({.host = host, .port = 80, .unix_path = {}},
                                            [&](Result<std::vector<net::Endpoint>> result) {
                                              found = std::move(result);
                                              loop->Stop();
                                            });
    EXPECT_FALSE(found.has_value()) << "in a later turn";
    loop->Run();
    return *found;
  };
  const auto numeric = resolve("::1");
  ASSERT_TRUE(numeric.has_value());
  EXPECT_EQ(numeric->at(0).ToString(), "[::1]:80");
  const auto local = resolve("localhost");
  ASSERT_TRUE(local.has_value());
  for (const net::Endpoint& endpoint : *local) {
    EXPECT_TRUE(endpoint.host == "127.0.0.1" || endpoint.host == "::1") << endpoint.host;
    EXPECT_EQ(std::count(local->begin(), local->end(), endpoint), 1);
  }
  const auto none = resolve("no-such-name.invalid");
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, Errc::kNotFound);
  EXPECT_THAT(none.error().message, HasSubstr("no-such-name.invalid"));
}

TEST_F(NetworkTest, GivenUpLookupNeverCallsBack) {
  auto resolving = network->Resolve({.host = "localhost", .port = 1, .unix_path = {}},
                                    [](const auto&) { FAIL() << "called back"; });
  resolving.reset();
  auto stop = loop->MakeTimer([this] { loop->Stop(); });
  stop->Start(50);
  loop->Run();
}

TEST_F(NetworkTest, GivenUpConnectNeverCallsBack) {
  auto attempt = network->Connect({.host = "localhost", .port = 1, .unix_path = {}}, 5'000,
                                  [](Result<std::unique_ptr<net::Stream>>) { FAIL(); });
  attempt.reset();
  const auto soon = loop->MakeTimer([this] { loop->Stop(); });
  soon->Start(20);
  loop->Run();
}

TEST_F(NetworkTest, SharedPortIsSharedByWorkersButNotTakenTwice) {
  net::ListenOptions options;
  options.endpoint = {.host = "127.0.0.1", .port = 0, .unix_path = {}};
  options.reuse_port = true;
  options.claim = true;
  Listen(options);
  options.endpoint = listener->endpoint();
  const auto another_gateway = network->Listen(
      options, [](auto) {}, [](bool) {});
  ASSERT_FALSE(another_gateway.has_value());
  EXPECT_THAT(another_gateway.error().message, HasSubstr("in use"));
  options.claim = false;
  const auto second_worker = network->Listen(
      options, [](auto) {}, [](bool) {});
  EXPECT_TRUE(second_worker.has_value());
}

class UnixNetworkTest : public NetworkTest {
 protected:
  void SetUp() override {
    NetworkTest::SetUp();
    char name[] = "/tmp/sluice-uv-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder = name;
    path = folder + "/s.sock";
  }
  void TearDown() override {
    NetworkTest::TearDown();
    unlink(path.c_str());
    rmdir(folder.c_str());
  }
  net::ListenOptions Options() const {
    net::ListenOptions options;
    options.endpoint = {.host = {}, .port = 0, .unix_path = path};
    return options;
  }
  std::string folder;
  std::string path;
};

TEST_F(UnixNetworkTest, UnixSocketsWorkTheSameAndAreRemovedAtTheEnd) {
  Listen(Options());
  ConnectPair(Options().endpoint);
  EXPECT_EQ(server->peer().ToString(), "unix:");
  listener.reset();
  struct stat info {};
  EXPECT_NE(stat(path.c_str(), &info), 0);
}

TEST_F(UnixNetworkTest, SocketOfADeadProcessIsReplacedAndOfALivingOneNot) {
  Listen(Options());
  const auto second = network->Listen(
      Options(), [](auto) {}, [](bool) {});
  ASSERT_FALSE(second.has_value());
  EXPECT_THAT(second.error().message, HasSubstr("in use"));
  const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
  listener.reset();
  sockaddr_storage address{};
  address.ss_family = AF_UNIX;
  path.copy(reinterpret_cast<char*>(&address) + 2, path.size());
  ASSERT_EQ(bind(dead, reinterpret_cast<sockaddr*>(&address),
                 static_cast<socklen_t>(2 + path.size() + 1)),
            0);
  close(dead);
  Listen(Options());
}

}  // namespace
}  // namespace sluice::uv
