// The files in conf/ load, and conf/reference.yaml says what the code does.

#include <cstdio>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/read_config.h"
#include "config/reader.h"
#include "sluice/config/advice.h"
#include "unit/config/load_for_test.h"

namespace sluice::config {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string ReadConfFile(const std::string& name) {
  const std::string path = SLUICE_SOURCE_DIR "/conf/" + name;
  std::FILE* file = std::fopen(path.c_str(), "r");
  if (file == nullptr) return "";
  std::string text(kMaxConfigBytes, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

TEST(ConfFilesTest, ReferenceHasTheDefaultsOfTheCode) {
  const LoadResult result = Load(ReadConfFile("reference.yaml"));
  ASSERT_TRUE(result) << result.error().front().ToString();
  Config expected;
  expected.listen = {{{.host = "127.0.0.1", .port = 8080, .unix_path = {}}}};
  expected.admin = net::Endpoint{.host = "127.0.0.1", .port = 8081, .unix_path = {}};
  expected.topics.resize(3);
  expected.topics[0].name = "example";
  expected.topics[0].path = "/events/example";
  expected.topics[0].channel = "example";
  expected.topics[1].name = expected.topics[1].channel = "metrics";
  expected.topics[1].path = "/events/metrics";
  expected.topics[1].source = Source::kMetrics;
  expected.topics[2].name = expected.topics[2].channel = "upstream";
  expected.topics[2].path = expected.topics[2].upstream_path = "/events/upstream";
  expected.topics[2].source = Source::kUpstream;
  expected.topics[2].upstream = "app";
  expected.publish = {{.path = "/publish/{topic}", .auth = {}, .topic = {}, .stamp = {}},
                      {.path = "/api/example", .auth = {}, .topic = "example", .stamp = {}}};
  expected.upstreams.resize(3);
  expected.upstreams[0].name = "app";
  expected.upstreams[0].servers = {
      {.endpoint = {.host = "127.0.0.1", .port = 3000, .unix_path = {}}}};
  expected.upstreams[1].name = "secure";
  expected.upstreams[1].servers = {
      {.endpoint = {.host = "app.internal", .port = 8443, .unix_path = {}}}};
  expected.upstreams[1].balance = Balance::kHash;
  expected.upstreams[1].hash = {HashKey::Kind::kCookie, "session"};
  expected.upstreams[1].tls.emplace();
  expected.upstreams[1].health_check.emplace();
  expected.upstreams[2].name = "sharded";
  expected.upstreams[2].servers = {
      {.endpoint = {.host = "127.0.0.1", .port = 3001, .unix_path = {}}},
      {.endpoint = {.host = "127.0.0.1", .port = 3002, .unix_path = {}}}};
  expected.upstreams[2].balance = Balance::kHash;
  expected.upstreams[2].hash = {HashKey::Kind::kHeader, "x-tenant"};
  expected.routes.resize(2);
  expected.routes[0].name = "/";
  expected.routes[0].path = "/";
  expected.routes[0].upstream = "app";
  expected.routes[0].body_bytes = expected.limits.body_bytes;
  expected.routes[1].name = "admin";
  expected.routes[1].named = true;
  expected.routes[1].path = "/";
  expected.routes[1].hosts = {"admin.example", "*.admin.example"};
  expected.routes[1].upstream = "secure";
  expected.routes[1].error_pages = {
      {502, "The app is being restarted.", "text/plain; charset=utf-8"}};
  expected.routes[1].auth_request = AuthRequest{.upstream = "app",
                                                .path = "/auth",
                                                .copy = {},
                                                .cache_ms = 5'000,
                                                .cache_key = {"cookie:session"}};
  const Config& reference = **result;
  // These have no default: the file shows examples.
  expected.cors.emplace().origins = {"https://app.example"};
  expected.auth = reference.auth;
  EXPECT_TRUE(reference.limits == expected.limits);
  EXPECT_TRUE(reference.redis == expected.redis);
  EXPECT_TRUE(reference.topics == expected.topics);
  EXPECT_TRUE(reference.upstreams == expected.upstreams);
  EXPECT_TRUE(reference.routes == expected.routes);
  EXPECT_TRUE(reference.forwarding == expected.forwarding);
  EXPECT_TRUE(reference.drain == expected.drain);
  EXPECT_TRUE(reference == expected);
}

TEST(ConfFilesTest, ReferenceHasEveryKeyThatIsRead) {
  const std::string text = ReadConfFile("reference.yaml");
  Report report("reference.yaml");
  const auto root = ParseYaml(text, report);
  ASSERT_NE(root, nullptr);
  const EnvLookup none = [](const std::string&) { return std::nullopt; };
  std::set<std::string> absent;
  Reader reader(report, none, &absent);
  const Config config = ReadConfig(reader, *root);
  EXPECT_THAT(config.topics, SizeIs(3));
  EXPECT_THAT(absent, IsEmpty());
}

TEST(ConfFilesTest, AbsentKeysAreNoticed) {
  Report report("f.yaml");
  const auto root =
      ParseYaml("topics: {a: {path: /a, history: {events: 1, age: 1s}}, b: {path: /b}}", report);
  ASSERT_NE(root, nullptr);
  const EnvLookup none = [](const std::string&) { return std::nullopt; };
  std::set<std::string> absent;
  Reader reader(report, none, &absent);
  const Config config = ReadConfig(reader, *root);
  EXPECT_THAT(config.listen, IsEmpty());
  EXPECT_EQ(absent.count("listen"), 1u);
  EXPECT_EQ(absent.count("topics"), 0u);
  EXPECT_EQ(absent.count("topics.*.channel"), 1u);
  EXPECT_EQ(absent.count("topics.*.history.bytes"), 1u);
  EXPECT_EQ(absent.count("topics.*.history.age"), 0u);
}

TEST(ConfFilesTest, KeysThatSomeItemsHaveAreNotAbsent) {
  for (const char* text : {"publish: [{path: /a, topic: a}, {path: /b}]",
                           "publish: [{path: /b}, {path: /a, topic: a}]"}) {
    Report report("f.yaml");
    const auto root = ParseYaml(text, report);
    ASSERT_NE(root, nullptr);
    const EnvLookup none = [](const std::string&) { return std::nullopt; };
    std::set<std::string> absent;
    Reader reader(report, none, &absent);
    const Config config = ReadConfig(reader, *root);
    EXPECT_THAT(config.publish, SizeIs(2));
    EXPECT_EQ(absent.count("publish[].topic"), 0u) << text;
    EXPECT_EQ(absent.count("publish[].auth"), 1u) << text;
  }
}

TEST(ConfFilesTest, SluiceYamlNeedsNoRedisAndListensOnLoopbackOnly) {
  const LoadResult result = Load(ReadConfFile("sluice.yaml"));
  ASSERT_TRUE(result) << result.error().front().ToString();
  const Config& config = **result;
  EXPECT_EQ(config.broker, BrokerKind::kMemory);
  ASSERT_THAT(config.listen, SizeIs(1));
  EXPECT_EQ(config.listen[0].endpoint.ToString(), "127.0.0.1:8080");
  ASSERT_TRUE(config.admin);
  EXPECT_EQ(config.admin->ToString(), "127.0.0.1:8081");
  ASSERT_THAT(config.topics, SizeIs(4));
  EXPECT_EQ(config.topics[0].path, "/events/news");
  EXPECT_EQ(config.topics[1].path, "/events/chat");
  EXPECT_EQ(config.topics[2].channel, "room:{id}");
  EXPECT_EQ(config.topics[3].path, kDemoTopicPath);
  EXPECT_TRUE(config.demo);
}

TEST(ConfFilesTest, RedisYamlTakesTheUrlFromTheEnvironment) {
  const std::string text = ReadConfFile("redis.yaml");
  const LoadResult local = Load(text);
  ASSERT_TRUE(local) << local.error().front().ToString();
  EXPECT_EQ((*local)->broker, BrokerKind::kRedis);
  EXPECT_EQ((*local)->redis.endpoint.ToString(), "127.0.0.1:6379");
  const LoadResult remote = Load(text, {{"REDIS_URL", "redis://:pw@redis.example:7000/1"}});
  ASSERT_TRUE(remote) << remote.error().front().ToString();
  EXPECT_EQ((*remote)->redis.endpoint.ToString(), "redis.example:7000");
  EXPECT_EQ((*remote)->redis.password, "pw");
}

TEST(ConfFilesTest, ProxyYamlFrontsAnAppAndTakesItsSecretFromTheEnvironment) {
  const std::string text = ReadConfFile("proxy.yaml");
  const LoadResult unset = Load(text);
  ASSERT_FALSE(unset);
  EXPECT_THAT(unset.error().front().message, HasSubstr("SLUICE_PUBLISH_TOKEN"));
  const LoadResult result = Load(text, {{"SLUICE_PUBLISH_TOKEN", "a token"}});
  ASSERT_TRUE(result) << result.error().front().ToString();
  const Config& config = **result;
  EXPECT_EQ(config.listen[0].endpoint.ToString(), "127.0.0.1:8080");
  ASSERT_THAT(config.upstreams, SizeIs(1));
  EXPECT_EQ(config.upstreams[0].servers[0].endpoint.ToString(), "127.0.0.1:3000");
  ASSERT_THAT(config.routes, SizeIs(3));
  EXPECT_EQ(config.routes[0].path, "/");
  ASSERT_THAT(config.routes[0].error_pages, SizeIs(3));
  EXPECT_EQ(config.routes[0].error_pages[2].body, config.routes[0].error_pages[0].body);
  EXPECT_TRUE(config.topics[0].internal);
  EXPECT_EQ(config.publish[0].auth, "app");
  EXPECT_THAT(AdviceOn(config), IsEmpty());
}

}  // namespace
}  // namespace sluice::config
