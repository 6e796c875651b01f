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
#include "unit/uv/network_fixture.h"
#include "uv/resolver_threads.h"

namespace sluice::uv {
namespace {

using ::testing::HasSubstr;

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

// "127.1" and so on: the resolver alone knows what that is, and asks nobody.
std::string Localhost(size_t number) {
  return "127." + std::to_string(number + 1);
}

TEST_F(NetworkTest, MoreNamesThanThreadsAreResolved) {
  constexpr size_t kNames = 3 * ResolverThreads::kMaxThreads;
  std::vector<std::unique_ptr<net::Resolving>> resolving;
  size_t resolved = 0;
  for (size_t i = 0; i < kNames; ++i) {
    resolving.push_back(network->Resolve({.host = Localhost(i), .port = 1, .unix_path = {}},
                                         [&](const Result<std::vector<net::Endpoint>>& result) {
                                           EXPECT_TRUE(result.has_value());
                                           if (++resolved == kNames / 2) loop->Stop();
                                         }));
    if (i % 2 == 0) resolving.back().reset();
  }
  loop->Run();
  EXPECT_EQ(resolved, kNames / 2);
}

// Whether or not they find the first question under way.
TEST_F(NetworkTest, WhoeverAsksForANameIsAnswered) {
  struct Answer {
    std::unique_ptr<net::Resolving> resolving;
    std::vector<net::Endpoint> found;
  };
  std::vector<Answer> answers(8);
  size_t open = answers.size() - 1;
  for (size_t i = 0; i < answers.size(); ++i) {
    const auto port = static_cast<uint16_t>(1000 + i);
    answers[i].resolving = network->Resolve(
        {.host = i % 2 == 0 ? "localhost" : "LocalHost", .port = port, .unix_path = {}},
        [&, i](const Result<std::vector<net::Endpoint>>& result) {
          ASSERT_TRUE(result.has_value()) << result.error().message;
          answers[i].found = *result;
          if (--open == 0) loop->Stop();
        });
  }
  answers[3].resolving.reset();
  loop->Run();
  for (size_t i = 0; i < answers.size(); ++i) {
    if (i == 3) continue;
    ASSERT_FALSE(answers[i].found.empty()) << i;
    EXPECT_EQ(answers[i].found[0].port, 1000 + i) << "each has a port of its own";
  }
  EXPECT_TRUE(answers[3].found.empty());
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
