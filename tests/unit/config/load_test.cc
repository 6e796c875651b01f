#include "sluice/config/load.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/config/load_for_test.h"

namespace sluice::config {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

TEST(LoadTest, EveryKeyReachesItsField) {
  const LoadResult result = Load(R"(
listen: [127.0.0.1:8080, {address: "[::1]:81"}, unix:/run/x.sock]
workers: 4
pid_file: /run/sluice.pid
admin: {listen: 127.0.0.1:8081}
log: {level: debug, path: /var/log/sluice.log}
broker: redis
redis: {url: "redis://app:pw@r:1/2", probe_interval: 3s, connect_timeout: 4s, backoff_max: 5m}
limits: {connections: 1, subscribers: 2, header_bytes: 3KiB, headers: 4, body_bytes: 5,
         message_bytes: 6, header_timeout: 7s, body_timeout: 8s, idle_timeout: 9s,
         write_timeout: 10s, notsent_bytes: 11KiB, auth_failures: 12}
topics:
  room:
    path: /rooms/{id}
    channel: "r:{id}"
    source: pubsub
    format: envelope
    history: {events: 1, bytes: 2KiB, age: 3s}
    replay: {initial: 1}
    greeting: '{"hello":1}'
    filter: [type, "user.id"]
    heartbeat: 4s
    retry: {base: 5s, jitter: 6s}
    slow_client: {policy: latest, buffer: 7KiB}
    limits: {subscribers: 8, topics: 9}
    linger: 10s
    subscribe_timeout: 11s
  load: {path: /load, source: metrics, interval: 12s}
publish:
  - {path: "/publish/{topic}", auth: none}
  - {path: "/say/{id}", topic: room, auth: none, stamp: {at: iso8601, id: unix_ms}}
drain: {delay: 1s, spread: 2s, deadline: 3s}
demo: true
)");
  ASSERT_TRUE(result) << result.error().front().ToString();
  Config expected;
  expected.listen = {{{.host = "127.0.0.1", .port = 8080, .unix_path = {}}},
                     {{.host = "::1", .port = 81, .unix_path = {}}},
                     {{.host = {}, .port = 0, .unix_path = "/run/x.sock"}}};
  expected.workers = 4;
  expected.pid_file = "/run/sluice.pid";
  expected.admin = net::Endpoint{.host = "127.0.0.1", .port = 8081, .unix_path = {}};
  expected.log_level = LogLevel::kDebug;
  expected.log_path = "/var/log/sluice.log";
  expected.broker = BrokerKind::kRedis;
  expected.redis.endpoint = {.host = "r", .port = 1, .unix_path = {}};
  expected.redis.user = "app";
  expected.redis.password = "pw";
  expected.redis.database = 2;
  expected.redis.probe_interval_ms = 3'000;
  expected.redis.connect_timeout_ms = 4'000;
  expected.redis.backoff_max_ms = 300'000;
  expected.limits.connections = 1;
  expected.limits.subscribers = 2;
  expected.limits.header_bytes = 3'072;
  expected.limits.headers = 4;
  expected.limits.body_bytes = 5;
  expected.limits.message_bytes = 6;
  expected.limits.header_timeout_ms = 7'000;
  expected.limits.body_timeout_ms = 8'000;
  expected.limits.idle_timeout_ms = 9'000;
  expected.limits.write_timeout_ms = 10'000;
  expected.limits.notsent_bytes = 11'264;
  expected.limits.auth_failures = 12;
  Topic topic;
  topic.name = "room";
  topic.path = "/rooms/{id}";
  topic.channel = "r:{id}";
  topic.format = Format::kEnvelope;
  topic.history.events = 1;
  topic.history.bytes = 2'048;
  topic.history.age_ms = 3'000;
  topic.replay_initial = 1;
  topic.greeting = R"({"hello":1})";
  topic.filter = {"type", "user.id"};
  topic.heartbeat_ms = 4'000;
  topic.retry_base_ms = 5'000;
  topic.retry_jitter_ms = 6'000;
  topic.slow_policy = SlowPolicy::kLatest;
  topic.slow_buffer_bytes = 7'168;
  topic.max_subscribers = 8;
  topic.max_topics = 9;
  topic.linger_ms = 10'000;
  topic.subscribe_timeout_ms = 11'000;
  Topic load;
  load.name = load.channel = "load";
  load.path = "/load";
  load.source = Source::kMetrics;
  load.interval_ms = 12'000;
  Topic demo;
  demo.name = demo.channel = "sluice.metrics";
  demo.path = "/sluice/demo/metrics";
  demo.source = Source::kMetrics;
  demo.format = Format::kJson;
  demo.replay_initial = 150;
  demo.history.events = 300;
  demo.retry_base_ms = 1'000;
  demo.retry_jitter_ms = 1'000;
  expected.topics = {topic, load, demo};
  expected.publish = {{.path = "/publish/{topic}", .auth = {}, .topic = {}, .stamp = {}},
                      {.path = "/say/{id}",
                       .auth = {},
                       .topic = "room",
                       .stamp = {{"at", StampValue::kIso8601}, {"id", StampValue::kUnixMs}}}};
  expected.drain.delay_ms = 1'000;
  expected.drain.spread_ms = 2'000;
  expected.drain.deadline_ms = 3'000;
  expected.demo = true;
  EXPECT_TRUE(**result == expected);
}

TEST(LoadTest, AbsentKeysHaveTheirDefaults) {
  const LoadResult result = Load("listen: '*:80'\nworkers: auto\ntopics: {a.b: {path: /a}}\n");
  ASSERT_TRUE(result) << result.error().front().ToString();
  Config expected;
  expected.listen = {{{.host = "0.0.0.0", .port = 80, .unix_path = {}}}};
  expected.topics.resize(1);
  expected.topics[0].name = "a.b";
  expected.topics[0].path = "/a";
  expected.topics[0].channel = "a.b";
  EXPECT_TRUE(**result == expected);
}

TEST(LoadTest, QuotesDoNotChangeWhatAValueMeans) {
  const LoadResult result = Load("listen: \"[::]:80\"\nworkers: \"2\"\ndemo: 'true'\n");
  ASSERT_TRUE(result) << result.error().front().ToString();
  EXPECT_EQ((*result)->workers, 2u);
  EXPECT_TRUE((*result)->demo);
}

TEST(LoadTest, MergedSettingsYieldToOwnOnesAndEarlierOnesWin) {
  const LoadResult result = Load(R"(
listen: 127.0.0.1:80
topics:
  a: &a {path: /a, heartbeat: 1s, linger: 1s, history: {events: 1}}
  b: &b {<<: *a, path: /b, heartbeat: 2s}
  c: {path: /c, <<: [*b, *a]}
)");
  ASSERT_TRUE(result) << result.error().front().ToString();
  const Topic& c = (*result)->topics[2];
  EXPECT_EQ(c.path, "/c");
  EXPECT_EQ(c.heartbeat_ms, 2'000u);
  EXPECT_EQ(c.linger_ms, 1'000u);
  EXPECT_EQ(c.history.events, 1u);
}

TEST(LoadTest, VariablesAreValuesAndNeverStructure) {
  const Environment environment = {
      {"PORT", "8080"}, {"WORKERS", "3"}, {"NAME", "x}, b: {path: /b"}, {"REDIS", "redis://:p@h"}};
  const LoadResult result = Load(R"(
listen: 127.0.0.1:${PORT}
workers: "${WORKERS}"
broker: ${BROKER:-redis}
redis: {url: "${REDIS}"}
pid_file: "${NAME}"
)",
                                 environment);
  ASSERT_TRUE(result) << result.error().front().ToString();
  EXPECT_EQ((*result)->listen[0].endpoint.port, 8080);
  EXPECT_EQ((*result)->workers, 3u);
  EXPECT_EQ((*result)->broker, BrokerKind::kRedis);
  EXPECT_EQ((*result)->redis.password, "p");
  EXPECT_EQ((*result)->pid_file, "x}, b: {path: /b");
}

TEST(LoadTest, SecretsAreInNoProblem) {
  const Environment environment = {{"SECRET", "s3cret"}, {"LINE", "s3cret\n"}};
  const char* text = R"(
listen: redis://:s3cret@h:1
workers: ${SECRET}
pid_file: ${LINE}
broker: "${SECRET}"
log: {level: "${SECRET}"}
redis:
  url: redis://app:s3cret@h:${SECRET}
  redis://:s3cret@h: 1
  connect_timeout: ${SECRET}
topics: {t: {path: "${SECRET}", channel: "${LINE}", filter: ["${LINE}"]}}
)";
  const std::vector<std::string> problems = ProblemsIn(text, environment);
  EXPECT_THAT(problems, SizeIs(11));
  for (const std::string& problem : problems) {
    EXPECT_EQ(problem.find("s3cret"), std::string::npos) << problem;
    EXPECT_EQ(problem.find('\n'), std::string::npos) << problem;
  }
}

TEST(LoadTest, AllProblemsAreReportedAtOnceInTheOrderOfTheFile) {
  EXPECT_THAT(
      ProblemsIn("worker: 2\nlog: {level: loud}\ntopics:\n  a: {path: a}\n  b: {path: /b, x: 1}\n"
                 "demo: maybe\n"),
      ElementsAre("1:1: listen: is missing; say where to serve, such as 127.0.0.1:8080",
                  "1:1: worker: unknown key; did you mean \"workers\"?",
                  "2:14: log.level: \"loud\" is not one of: debug, info, warn, error, off",
                  "4:13: topics.a.path: \"a\" does not begin with /",
                  "5:17: topics.b.x: unknown key",
                  "6:7: demo: \"maybe\" is not one of: true, false"));
}

class ConfigFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/sluice-config-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    path_ = folder_ + "/sluice.yaml";
  }
  void TearDown() override {
    unlink(path_.c_str());
    rmdir(folder_.c_str());
  }
  void Write(std::string_view text) {
    std::FILE* file = std::fopen(path_.c_str(), "w");
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), file), text.size());
    ASSERT_EQ(std::fclose(file), 0);
  }
  static std::string OnlyProblem(const LoadResult& result) {
    if (result || result.error().size() != 1) return "";
    return result.error()[0].ToString();
  }

  std::string folder_;
  std::string path_;
};

TEST_F(ConfigFileTest, FileIsReadWithTheProcessesEnvironment) {
  Write("listen: 127.0.0.1:80\npid_file: ${SLUICE_TEST_PID_FILE}\n");
  ASSERT_EQ(setenv("SLUICE_TEST_PID_FILE", "from the environment", 1), 0);
  const LoadResult result = LoadConfig(path_);
  unsetenv("SLUICE_TEST_PID_FILE");
  ASSERT_TRUE(result) << result.error().front().ToString();
  EXPECT_EQ((*result)->pid_file, "from the environment");
  EXPECT_EQ(OnlyProblem(LoadConfig(path_)),
            path_ +
                ":2:11: pid_file: the environment variable SLUICE_TEST_PID_FILE is not set; "
                "${SLUICE_TEST_PID_FILE:-default} gives it a default");
}

TEST_F(ConfigFileTest, MissingFileFolderAndFailedReadAreNamed) {
  EXPECT_EQ(OnlyProblem(LoadConfig(path_)),
            path_ + ": cannot be opened: No such file or directory");
  EXPECT_EQ(OnlyProblem(LoadConfig("")), ": cannot be opened: No such file or directory");
  EXPECT_EQ(OnlyProblem(LoadConfig(folder_)), folder_ + ": cannot be read: Is a directory");
  EXPECT_EQ(OnlyProblem(LoadConfig("/proc/self/mem")),
            "/proc/self/mem: cannot be read: Input/output error");
}

TEST_F(ConfigFileTest, UnreadableFileIsNamed) {
  constexpr uid_t kNobody = 65534;  // for root may read everything
  Write("listen: 127.0.0.1:80\n");
  ASSERT_EQ(chmod(path_.c_str(), 0), 0);
  const uid_t self = geteuid();
  if (self == 0) {
    ASSERT_EQ(seteuid(kNobody), 0);
  }
  const LoadResult result = LoadConfig(path_);
  if (self == 0) {
    ASSERT_EQ(seteuid(self), 0);
  }
  EXPECT_EQ(OnlyProblem(result), path_ + ": cannot be opened: Permission denied");
}

TEST_F(ConfigFileTest, SizeLimitIsReachedExactly) {
  const std::string config = "listen: 127.0.0.1:80\n#";
  Write(config + std::string(kMaxConfigBytes - config.size(), 'x'));
  EXPECT_TRUE(LoadConfig(path_));
  Write(config + std::string(kMaxConfigBytes - config.size() + 1, 'x'));
  EXPECT_EQ(OnlyProblem(LoadConfig(path_)), path_ + ": the file is larger than 1048576 bytes");
  EXPECT_EQ(OnlyProblem(LoadConfig("/dev/zero")),
            "/dev/zero: the file is larger than 1048576 bytes");
}

}  // namespace
}  // namespace sluice::config
