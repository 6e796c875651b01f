#include "server/limiter.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/http/request_parser.h"
#include "support/fake_loop.h"
#include "support/fake_stream.h"

namespace sluice::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

net::PeerAddress Ipv4(uint8_t last) {
  net::PeerAddress address;
  address.family = net::PeerAddress::Family::kIpv4;
  address.bytes = {192, 0, 2, last};
  return address;
}

net::PeerAddress Ipv6(uint8_t network, uint8_t host) {
  net::PeerAddress address;
  address.family = net::PeerAddress::Family::kIpv6;
  address.bytes = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, network, 0, 0, 0, 0, 0, 0, 0, host};
  return address;
}

// A request that was parsed, and its answer.
class FakeExchange final : public Exchange {
 public:
  explicit FakeExchange(const std::string& fields = "", const std::string& method = "GET")
      : parser_(limits_) {
    const auto fed = parser_.Feed(method + " / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n", nullptr);
    EXPECT_EQ(fed.event, http::RequestParser::Event::kHead);
  }

  [[nodiscard]] const http::Request& request() const override { return parser_.request(); }
  [[nodiscard]] const net::PeerAddress& peer() const override { return peer_; }
  [[nodiscard]] uint64_t connection_id() const override { return 1; }
  [[nodiscard]] bool client_ended() const override { return false; }
  void ReadBody(std::optional<uint64_t>) override {}
  void PauseBody() override {}
  void ResumeBody() override {}
  [[nodiscard]] bool request_complete() const override { return true; }
  void Respond(http::Response response) override { answer = std::move(response); }
  void SendInterim(std::string_view) override {}
  [[nodiscard]] AnswerFraming PlanAnswer(bool) override { return {}; }
  void StartAnswer(int, std::string, const AnswerFraming&) override {}
  void SendBody(std::string_view) override {}
  void FlushAnswer() override {}
  void EndAnswer(std::string_view) override {}
  void AbortAnswer() override {}
  [[nodiscard]] size_t unsent() const override { return 0; }
  void StartTunnel(std::string_view) override {}
  void PassOn(Next) override {}
  void Redirect(http::Request) override {}
  void set_kept_fields(Fields) override {}
  [[nodiscard]] const Fields* kept_fields() const override { return nullptr; }
  void set_limit_rate(uint64_t) override {}
  [[nodiscard]] std::optional<uint64_t> limit_rate() const override { return std::nullopt; }
  [[nodiscard]] int redirects() const override { return 0; }
  [[nodiscard]] bool over_limit() const override { return false; }
  [[nodiscard]] UpstreamRecord& upstream() override { return upstream_; }
  [[nodiscard]] std::unique_ptr<net::Stream> TakeStream() override { return nullptr; }
  void Close() override {}
  void Keep(std::shared_ptr<const void>) override {}
  void set_route_label(std::string_view) override {}
  void set_error_pages(const std::vector<config::ErrorPage>*) override {}
  void set_subject(std::string) override {}

  [[nodiscard]] int RetryAfter() const {
    int seconds = -1;
    for (const auto& [name, value] : answer.headers) {
      if (name == "Retry-After") {
        std::from_chars(value.data(), value.data() + value.size(), seconds);
      }
    }
    return seconds;
  }

  http::Response answer{.status = 0, .headers = {}, .body = {}};

 private:
  http::RequestLimits limits_;
  http::RequestParser parser_;
  net::PeerAddress peer_ = Ipv4(1);
  UpstreamRecord upstream_;
};

class LimiterTest : public ::testing::Test {
 protected:
  LimiterTest() {
    config_.topics.resize(2);
    config_.topics[0].name = "news";
    config_.topics[1].name = "other";
    config_.routes.resize(1);
    config_.routes[0].name = "/app";
  }

  // After the configuration was changed: two workers.
  void Make() {
    process_ = std::make_unique<ProcessLimits>(config_);
    for (auto& limiter : limiters_) {
      limiter = std::make_unique<Limiter>(config_, *process_, warnings_, loop_);
    }
  }

  bool Request(const LimitScope& scope, const net::PeerAddress& client,
               const std::string& fields = "", const auth::Identity* identity = nullptr) {
    FakeExchange exchange(fields);
    Limiter& limiter = *limiters_[++turn_ % limiters_.size()];
    const bool admitted = limiter.AdmitRequest(scope, exchange, client, identity);
    EXPECT_EQ(admitted, exchange.answer.status == 0);
    return admitted;
  }

  int Requests(const LimitScope& scope, const net::PeerAddress& client,
               const std::string& fields = "", const auth::Identity* identity = nullptr) {
    int admitted = 0;
    for (int i = 0; i < 50; ++i) admitted += Request(scope, client, fields, identity) ? 1 : 0;
    return admitted;
  }

  [[nodiscard]] uint64_t Refused(Limit limit) const {
    uint64_t count = 0;
    for (const auto& limiter : limiters_)
      count += limiter->stats()[static_cast<size_t>(limit)].Get();
    return count;
  }

  testing::FakeLoop loop_;
  http::Redactor redactor_;
  RequestWarnings warnings_{loop_, redactor_};
  config::Config config_;
  std::unique_ptr<ProcessLimits> process_;
  std::array<std::unique_ptr<Limiter>, 2> limiters_;
  size_t turn_ = 0;
};

TEST_F(LimiterTest, WithoutLimitsEveryoneIsLetIn) {
  Make();
  EXPECT_EQ(Requests(limiters_[0]->topic(0), Ipv4(1)), 50);
  FakeExchange exchange;
  EXPECT_TRUE(limiters_[0]->AdmitConnection(limiters_[0]->topic(0), exchange, Ipv4(1), {}));
  testing::FakeStream stream;
  EXPECT_EQ(limiters_[0]->Accept(stream), Limiter::Arrival::kAdmitted);
}

TEST_F(LimiterTest, WorkersShareARateAndTimeGivesItBack) {
  config_.topics[0].limits.requests = {.requests = 2, .interval_ms = 1'000, .burst = 5, .by = {}};
  Make();
  const LimitScope& news = limiters_[0]->topic(0);
  EXPECT_EQ(Requests(news, Ipv4(1)), 5);
  EXPECT_EQ(Requests(news, Ipv4(2)), 5) << "another client";
  EXPECT_EQ(Requests(limiters_[0]->topic(1), Ipv4(1)), 50) << "another topic";
  EXPECT_EQ(Refused(Limit::kRequests), 90U);
  loop_.Advance(1'000);
  EXPECT_EQ(Requests(news, Ipv4(1)), 2);
  loop_.Advance(60'000);
  EXPECT_EQ(Requests(news, Ipv4(1)), 5);
}

TEST_F(LimiterTest, RefusalsSayWhenToComeBack) {
  config_.topics[0].limits.requests = {.requests = 1, .interval_ms = 60'000, .burst = 1, .by = {}};
  config_.topics[0].retry_jitter_ms = 5'000;
  Make();
  const LimitScope& news = limiters_[0]->topic(0);
  EXPECT_TRUE(Request(news, Ipv4(1)));
  std::vector<int> seen;
  for (int i = 0; i < 50; ++i) {
    FakeExchange exchange;
    EXPECT_FALSE(limiters_[0]->AdmitRequest(news, exchange, Ipv4(1), nullptr));
    EXPECT_EQ(exchange.answer.status, 429);
    EXPECT_FALSE(exchange.answer.close);
    EXPECT_THAT(exchange.answer.body, HasSubstr("too many requests"));
    EXPECT_GE(exchange.RetryAfter(), 60);
    EXPECT_LE(exchange.RetryAfter(), 65);
    seen.push_back(exchange.RetryAfter());
  }
  EXPECT_NE(std::count(seen.begin(), seen.end(), seen[0]), 50) << "not all at the same time";
}

TEST_F(LimiterTest, TheDefaultIsForAllWithoutARateOfTheirOwn) {
  config_.limits.requests = {.requests = 10, .interval_ms = 1'000, .burst = 10, .by = {}};
  config_.topics[0].limits.requests = {.requests = 3, .interval_ms = 1'000, .burst = 3, .by = {}};
  Make();
  EXPECT_EQ(Requests(limiters_[0]->topic(0), Ipv4(1)), 3);
  EXPECT_EQ(Requests(limiters_[0]->topic(1), Ipv4(1)), 10);
  EXPECT_EQ(Requests(limiters_[0]->route(0), Ipv4(1)), 0) << "one count for all of them";
  EXPECT_EQ(Requests(limiters_[0]->rest(), Ipv4(1)), 0);
}

TEST_F(LimiterTest, ANetworkOf64BitsIsOneClientAndUnixSocketsAreNone) {
  config_.topics[0].limits.requests = {.requests = 1, .interval_ms = 60'000, .burst = 1, .by = {}};
  Make();
  const LimitScope& news = limiters_[0]->topic(0);
  EXPECT_TRUE(Request(news, Ipv6(1, 1)));
  EXPECT_FALSE(Request(news, Ipv6(1, 2)));
  EXPECT_TRUE(Request(news, Ipv6(2, 1)));
  net::PeerAddress local;
  local.family = net::PeerAddress::Family::kUnix;
  EXPECT_EQ(Requests(news, local), 50);
}

TEST_F(LimiterTest, CookiesTellClientsOfOneAddressApart) {
  config_.routes[0].limits.requests = {.requests = 1,
                                       .interval_ms = 60'000,
                                       .burst = 2,
                                       .by = {config::LimitKey::Kind::kCookie, "sid"}};
  Make();
  const LimitScope& route = limiters_[0]->route(0);
  EXPECT_EQ(Requests(route, Ipv4(1), "Cookie: x=1; sid=ann\r\n"), 2);
  EXPECT_EQ(Requests(route, Ipv4(2), "Cookie: sid=ann\r\n"), 0) << "from another address";
  EXPECT_EQ(Requests(route, Ipv4(1), "Cookie: sid=bob\r\n"), 2);
  EXPECT_EQ(Requests(route, Ipv4(1)), 2) << "without one, the address counts";
  EXPECT_EQ(Requests(route, Ipv4(1), "Cookie: sid=\r\n"), 0);
}

TEST_F(LimiterTest, TokensAreCountedOnceTheyAreKnown) {
  config_.topics[0].limits.requests = {
      .requests = 1, .interval_ms = 60'000, .burst = 2, .by = {config::LimitKey::Kind::kToken, {}}};
  Make();
  const LimitScope& news = limiters_[0]->topic(0);
  EXPECT_EQ(Requests(news, Ipv4(1)), 50) << "before the token was looked at";
  auth::Identity ann;
  ann.fingerprint = 11;
  auth::Identity bob;
  bob.fingerprint = 13;
  EXPECT_EQ(Requests(news, Ipv4(1), "", &ann), 2);
  EXPECT_EQ(Requests(news, Ipv4(1), "", &bob), 2);
  auth::Identity nobody;
  EXPECT_EQ(Requests(news, Ipv4(1), "", &nobody), 2) << "without one, the address counts";
}

TEST_F(LimiterTest, AddressesAreNotCountedTwice) {
  config_.topics[0].limits.requests = {.requests = 1, .interval_ms = 60'000, .burst = 2, .by = {}};
  Make();
  auth::Identity ann;
  EXPECT_EQ(Requests(limiters_[0]->topic(0), Ipv4(1), "", &ann), 50);
  EXPECT_EQ(Requests(limiters_[0]->topic(0), Ipv4(1)), 2);
}

TEST_F(LimiterTest, ConnectionsAreGivenBack) {
  config_.topics[0].limits.connections = {.max = 2, .by = {}};
  Make();
  const LimitScope& news = limiters_[0]->topic(0);
  const auto open = [&](const net::PeerAddress& client) {
    FakeExchange exchange;
    auto place = limiters_[++turn_ % 2]->AdmitConnection(news, exchange, client, {});
    EXPECT_EQ(place.has_value(), exchange.answer.status == 0);
    if (!place) {
      EXPECT_EQ(exchange.answer.status, 429);
      EXPECT_GE(exchange.RetryAfter(), 3);
      EXPECT_LE(exchange.RetryAfter(), 5);
    }
    return place;
  };
  auto first = open(Ipv4(1));
  auto second = open(Ipv4(1));
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(open(Ipv4(1)));
  EXPECT_TRUE(open(Ipv4(2)));
  first.reset();
  EXPECT_TRUE(open(Ipv4(1)));
  EXPECT_EQ(Refused(Limit::kConnections), 1U);
}

TEST_F(LimiterTest, AStreamMayEndAtOnceInsteadOf429) {
  for (config::RateLimits* limits : {&config_.topics[0].limits, &config_.routes[0].limits}) {
    limits->requests = {.requests = 1, .interval_ms = 60'000, .burst = 1, .by = {}};
    limits->refuse = config::LimitAnswer::kRetry;
  }
  Make();
  const auto answer = [&](const LimitScope& scope, const std::string& fields,
                          const std::string& method = "GET") {
    FakeExchange first;
    FakeExchange second(fields, method);
    (void)limiters_[0]->AdmitRequest(scope, first, Ipv4(1), nullptr);
    EXPECT_FALSE(limiters_[0]->AdmitRequest(scope, second, Ipv4(1), nullptr));
    return second.answer;
  };
  const http::Response stream = answer(limiters_[0]->topic(0), "");
  EXPECT_EQ(stream.status, 200);
  EXPECT_TRUE(stream.close);
  EXPECT_THAT(stream.body, StartsWith("retry: 6"));  // 60 to 62 s in ms
  EXPECT_EQ(answer(limiters_[0]->topic(0), "", "HEAD").status, 429);
  EXPECT_EQ(answer(limiters_[0]->route(0), "Accept: text/event-stream\r\n").status, 200);
  EXPECT_EQ(answer(limiters_[0]->route(0), "Accept: text/html, */*\r\n").status, 429);
}

TEST_F(LimiterTest, ConnectionsOfTrustedProxiesAreNotCounted) {
  config_.limits.per_ip = 1;
  config_.forwarding.trusted_proxies.resize(1);
  config_.forwarding.trusted_proxies[0].base = {0, 0, 0,    0,    0,   0, 0, 0,
                                                0, 0, 0xFF, 0xFF, 192, 0, 2, 1};
  Make();
  std::vector<std::unique_ptr<testing::FakeStream>> streams;
  for (int i = 0; i < 10; ++i) {
    streams.push_back(std::make_unique<testing::FakeStream>(Ipv4(1)));
    EXPECT_EQ(limiters_[0]->Accept(*streams.back()), Limiter::Arrival::kAdmitted);
  }
}

TEST_F(LimiterTest, ConnectionsOfAnAddress) {
  config_.limits.per_ip = 2;
  Make();
  using Arrival = Limiter::Arrival;
  std::vector<std::unique_ptr<testing::FakeStream>> streams;
  const auto accept = [&](const net::PeerAddress& address) {
    streams.push_back(std::make_unique<testing::FakeStream>(address));
    return limiters_[++turn_ % 2]->Accept(*streams.back());
  };
  EXPECT_EQ(accept(Ipv4(1)), Arrival::kAdmitted);
  EXPECT_EQ(accept(Ipv4(1)), Arrival::kAdmitted);
  EXPECT_EQ(accept(Ipv4(1)), Arrival::kAnswered);
  EXPECT_EQ(accept(Ipv4(1)), Arrival::kCut);
  EXPECT_EQ(accept(Ipv4(2)), Arrival::kAdmitted);
  FakeExchange exchange;
  limiters_[0]->RefuseConnection(exchange);
  EXPECT_EQ(exchange.answer.status, 429);
  EXPECT_TRUE(exchange.answer.close);
  EXPECT_GE(exchange.RetryAfter(), 1);
  EXPECT_EQ(Refused(Limit::kPerIp), 2U);
  streams.clear();
  EXPECT_EQ(accept(Ipv4(1)), Arrival::kAdmitted);
  EXPECT_EQ(accept(Ipv4(1)), Arrival::kAdmitted);
  EXPECT_EQ(accept(Ipv4(1)), Arrival::kAnswered);
}

TEST_F(LimiterTest, AReloadKeepsWhatIsCounted) {
  config_.limits.per_ip = 1;
  config_.topics[0].limits.requests = {.requests = 1, .interval_ms = 60'000, .burst = 2, .by = {}};
  config_.topics[1].limits.requests = config_.topics[0].limits.requests;
  config_.topics[0].limits.connections = {.max = 1, .by = {}};
  Make();
  EXPECT_EQ(Requests(limiters_[0]->topic(0), Ipv4(1)), 2);
  EXPECT_EQ(Requests(limiters_[0]->topic(1), Ipv4(1)), 2);
  FakeExchange exchange;
  const auto place = limiters_[0]->AdmitConnection(limiters_[0]->topic(0), exchange, Ipv4(1), {});
  testing::FakeStream stream;
  EXPECT_EQ(limiters_[0]->Accept(stream), Limiter::Arrival::kAdmitted);

  config::Config next = config_;
  next.limits.per_ip = 2;
  next.topics[0].limits.connections.max = 2;
  next.topics[1].limits.requests.burst = 3;
  std::swap(next.topics[0], next.topics[1]);
  process_ = std::make_unique<ProcessLimits>(next, process_.get());
  for (auto& limiter : limiters_) limiter->SetLimits(next, *process_);
  EXPECT_EQ(Requests(limiters_[0]->topic(1), Ipv4(1)), 0) << "the same rate goes on";
  EXPECT_EQ(Requests(limiters_[0]->topic(0), Ipv4(1)), 3) << "another one begins anew";
  const auto second = limiters_[0]->AdmitConnection(limiters_[0]->topic(1), exchange, Ipv4(1), {});
  EXPECT_TRUE(second.has_value());
  FakeExchange refused;
  EXPECT_FALSE(limiters_[0]->AdmitConnection(limiters_[0]->topic(1), refused, Ipv4(1), {}));
  testing::FakeStream another;
  EXPECT_EQ(limiters_[0]->Accept(another), Limiter::Arrival::kAdmitted);
  testing::FakeStream third;
  EXPECT_EQ(limiters_[0]->Accept(third), Limiter::Arrival::kAnswered);
}

}  // namespace
}  // namespace sluice::server
