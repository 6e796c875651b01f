// Each kind of mistake in an otherwise valid file, with its line, column, key path and message.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/config/load_for_test.h"

namespace sluice::config {
namespace {

using ::testing::ElementsAreArray;

struct Mistake {
  const char* yaml;  // begins on line 2, after a valid `listen`
  std::vector<std::string> problems;
};

void ExpectProblems(const std::vector<Mistake>& mistakes) {
  for (const Mistake& mistake : mistakes) {
    EXPECT_THAT(ProblemsIn(std::string("listen: 127.0.0.1:80\n") + mistake.yaml),
                ElementsAreArray(mistake.problems))
        << mistake.yaml;
  }
}

TEST(MistakesTest, KeysAreKnownAndUnique) {
  ExpectProblems({
      {"demo: true\nwrokers: 2\n", {"3:1: wrokers: unknown key; did you mean \"workers\"?"}},
      {"something: 1\n", {"2:1: something: unknown key"}},
      {"log:\n  Level: info\n", {"3:3: log.Level: unknown key; did you mean \"level\"?"}},
      {"topics:\n  a:\n    path: /a\n    history:\n      event: 3\n",
       {"6:7: topics.a.history.event: unknown key; did you mean \"events\"?"}},
      {"demo: true\ndemo: true\n", {"3:1: demo: duplicate key; it is already on line 2"}},
      {"limits: {headers: 1, headers: 2}\n",
       {"2:22: limits.headers: duplicate key; it is already on line 2"}},
      {"topics:\n  a: {path: /a}\n  a: {path: /b}\n",
       {"4:3: topics.a: duplicate key; it is already on line 3"}},
      {"listen: 127.0.0.1:81\n", {"2:1: listen: duplicate key; it is already on line 1"}},
      {"<<: 1\n", {"2:1: <<: merges a map or a list of maps, nothing else"}},
      {"log: {<<: [{level: info}, x]}\n",
       {"2:7: log.<<: merges a map or a list of maps, nothing else"}},
  });
}

TEST(MistakesTest, ValuesHaveTheRightType) {
  const std::string nothing = "has no value; give it one or remove the key";
  ExpectProblems({
      {"workers:\n", {"2:1: workers: " + nothing}},
      {"topics: ~\n", {"2:1: topics: " + nothing}},
      {"limits:\n", {"2:1: limits: " + nothing}},
      {"publish:\n  -\n", {"3:3: publish[0]: " + nothing}},
      {"workers: [2]\n", {"2:1: workers: must be a single value, and is a list"}},
      {"workers: {a: 2}\n", {"2:1: workers: must be a single value, and is a map (key: value)"}},
      {"log: info\n", {"2:6: log: must be a map (key: value), and is a single value"}},
      {"topics: [a]\n", {"2:1: topics: must be a map (key: value), and is a list"}},
      {"topics:\n  - path: /a\n", {"2:1: topics: must be a map (key: value), and is a list"}},
      {"topics: {a: /a}\n", {"2:13: topics.a: must be a map (key: value), and is a single value"}},
      {"publish: /publish/{topic}\n", {"2:10: publish: must be a list, and is a single value"}},
      {"publish: {path: /p, auth: none}\n",
       {"2:1: publish: must be a list, and is a map (key: value)"}},
      {"publish: [x]\n", {"2:11: publish[0]: must be a map (key: value), and is a single value"}},
      {"demo: yes\n", {"2:7: demo: \"yes\" is not one of: true, false"}},
      {"demo: True\n", {"2:7: demo: \"True\" is not one of: true, false; did you mean \"true\"?"}},
      {"pid_file: |\n  a\n  b\n",
       {"2:11: pid_file: \"a\\x0ab\\x0a\" holds a line break, another control character or bytes "
        "that "
        "are not UTF-8"}},
      {"pid_file: \"a\\0b\"\n",
       {"2:11: pid_file: \"a\\x00b\" holds a line break, another control character or bytes that "
        "are "
        "not UTF-8"}},
  });
  EXPECT_THAT(ProblemsIn("- a\n"),
              ElementsAreArray({"1:1: must be a map (key: value), and is a list"}));
  EXPECT_THAT(ProblemsIn("hello\n"),
              ElementsAreArray({"1:1: must be a map (key: value), and is a single value"}));
}

TEST(MistakesTest, NumbersDurationsAndSizesAreChecked) {
  ExpectProblems({
      {"workers: two\n", {"2:10: workers: \"two\" is neither auto nor a whole number"}},
      {"workers: 0\n", {"2:10: workers: \"0\" is not between 1 and 256"}},
      {"workers: 257\n", {"2:10: workers: \"257\" is not between 1 and 256"}},
      {"workers: 010\n",
       {"2:10: workers: \"010\" has a leading 0; write the decimal number without it"}},
      {"limits: {connections: 4294967296}\n",
       {"2:23: limits.connections: \"4294967296\" is not between 1 and 10000000"}},
      {"limits: {headers: -1}\n", {"2:19: limits.headers: \"-1\" is not a whole number"}},
      {"limits: {header_timeout: 0s}\n",
       {"2:26: limits.header_timeout: \"0s\" is not between 1ms and 24h"}},
      {"limits: {idle_timeout: 75}\n",
       {"2:24: limits.idle_timeout: \"75\" is not a duration such as 250ms, 15s, 10m or 1h"}},
      {"limits: {body_bytes: 1MB}\n",
       {"2:22: limits.body_bytes: \"1MB\" is not a size such as 4096, 16KiB, 1MiB or 1GiB"}},
      {"limits: {header_bytes: 2MiB}\n",
       {"2:24: limits.header_bytes: \"2MiB\" is not between 1KiB and 1MiB"}},
      {"redis: {probe_interval: 1ms}\nbroker: redis\n",
       {"2:25: redis.probe_interval: \"1ms\" is not between 10ms and 1h"}},
      {"topics: {a: {path: /a, history: {events: 10000001, bytes: 0, age: 0s}}}\n",
       {"2:42: topics.a.history.events: \"10000001\" is not between 1 and 10000000",
        "2:59: topics.a.history.bytes: \"0\" is not between 1 and 64GiB",
        "2:67: topics.a.history.age: \"0s\" is not between 1ms and 8760h"}},
      {"topics: {a: {path: /a, heartbeat: 999ms, slow_client: {buffer: 0}, limits: {topics: 0}}}\n",
       {"2:35: topics.a.heartbeat: \"999ms\" is not between 1s and 1h",
        "2:64: topics.a.slow_client.buffer: \"0\" is not between 1 and 1GiB",
        "2:85: topics.a.limits.topics: \"0\" is not between 1 and 1000000"}},
  });
}

TEST(MistakesTest, MetricsTopicsHaveNoBroker) {
  ExpectProblems({
      {"topics: {a: {path: /a, interval: 2s}}\n",
       {"2:34: topics.a.interval: is not used without \"source: metrics\""}},
      {"topics: {a: {path: /a, source: metrics, interval: 99ms}}\n",
       {"2:51: topics.a.interval: \"99ms\" is not between 100ms and 1h"}},
      {"topics: {a: {path: /a, source: metrics, channel: b, format: envelope}}\n",
       {"2:50: topics.a.channel: is not used with \"source: metrics\", which no broker carries",
        "2:61: topics.a.format: must be text or json with \"source: metrics\""}},
      {"topics: {a: {path: /a, source: metrics}}\npublish: [{path: /p, topic: a, auth: none}]\n",
       {"3:29: publish[0].topic: \"a\" has \"source: metrics\": the gateway alone publishes on "
        "it"}},
      {"topics: {a: {path: \"/a/{id}\", channel: \"a:{id}\", source: metrics}}\n",
       {"2:40: topics.a.channel: is not used with \"source: metrics\", which no broker carries",
        "2:58: topics.a.source: metrics are those of this process: the path cannot have "
        "parameters"}},
  });
}

TEST(MistakesTest, ListenAddressesAreNumericAndDistinct) {
  const std::string no_address =
      " is not an address to listen on, such as 127.0.0.1:8080, *:8080, [::1]:8080 or "
      "unix:/run/sluice.sock; names are not resolved";
  const auto problems = [](const std::string& text) { return ProblemsIn(text); };
  EXPECT_THAT(problems("listen: []\n"), ElementsAreArray({"1:1: listen: is an empty list"}));
  for (const char* address : {"8080", "localhost:8080", "127.0.0.1", "127.0.0.1:65536",
                              "256.0.0.1:80", "http://127.0.0.1:80", "unix"}) {
    EXPECT_THAT(problems(std::string("listen: ") + address + "\n"),
                ElementsAreArray({std::string("1:9: listen: \"") + address + "\"" + no_address}));
  }
  EXPECT_THAT(problems("listen: {}\n"), ElementsAreArray({"1:1: listen.address: is missing"}));
  EXPECT_THAT(problems("listen:\n  - 127.0.0.1:80\n  - {addres: x}\n"),
              ElementsAreArray({"3:5: listen[1].address: is missing",
                                "3:6: listen[1].addres: unknown key; did you mean \"address\"?"}));
  EXPECT_THAT(problems("listen: [127.0.0.1:80, 127.0.0.1:80]\n"),
              ElementsAreArray({"1:24: listen[1]: this address is that of listen[0] on line 1"}));
  EXPECT_THAT(problems("listen: [\"[::1]:80\", \"[0:0::0:1]:80\", 127.0.0.1:0, 127.0.0.1:0]\n"),
              ElementsAreArray({"1:22: listen[1]: this address is that of listen[0] on line 1"}));
  ExpectProblems({
      {"admin: {}\n", {"2:1: admin.listen: is missing"}},
      {"admin: {listen: localhost:1}\n", {"2:17: admin.listen: \"localhost:1\"" + no_address}},
      {"admin: {listen: 127.0.0.1:80}\n",
       {"2:17: admin.listen: this address is that of listen on line 1"}},
  });
}

TEST(MistakesTest, ChoicesNameWhatIsPossible) {
  ExpectProblems({
      {"broker: reddis\n",
       {"2:9: broker: \"reddis\" is not one of: memory, redis; did you mean \"redis\"?"}},
      {"log: {level: warning}\n",
       {"2:14: log.level: \"warning\" is not one of: debug, info, warn, error, off"}},
      {"log: {path: \"\"}\n", {"2:13: log.path: is empty; write stderr, stdout or a file"}},
      {"log: {access: {path: \"\"}}\n",
       {"2:22: log.access.path: is empty; write stderr, stdout or a file"}},
      {"log: {access: {format: xml}}\n",
       {"2:24: log.access.format: \"xml\" is not one of: combined, json"}},
      {"log: {access: {fomat: json}}\n",
       {"2:16: log.access.fomat: unknown key; did you mean \"format\"?"}},
      {"log: {access: on}\n",
       {"2:15: log.access: \"on\" is neither off nor a map such as {path: stdout, format: json}"}},
      {"log: {access: [off]}\n", {"2:7: log.access: must be a map (key: value), and is a list"}},
      {"topics: {a: {path: /a, format: xml, source: kafka, slow_client: {policy: drop}}}\n",
       {"2:32: topics.a.format: \"xml\" is not one of: text, envelope, json",
        "2:45: topics.a.source: \"kafka\" is not one of: pubsub, metrics, upstream",
        "2:74: topics.a.slow_client.policy: \"drop\" is not one of: disconnect, skip, latest"}},
  });
}

TEST(MistakesTest, RedisIsReachableByItsUrlAndUsed) {
  ExpectProblems({
      {"broker: redis\nredis: {url: 127.0.0.1:6379}\n",
       {"3:14: redis.url: the URL does not begin with redis:// or unix://"}},
      {"redis: {url: \"redis://h\"}\n",
       {"2:1: redis: is not used, since the broker is memory; add \"broker: redis\""}},
  });
}

TEST(MistakesTest, TopicsHaveUniquePathsAndChannels) {
  const std::string parameters = "must use the parameters of the path, each once";
  ExpectProblems({
      {"topics: {a: {}}\n", {"2:10: topics.a.path: is missing"}},
      {"topics: {\"\": {path: /a}}\n",
       {"2:10: topics.: a topic's name is 1 to 128 letters, digits, and _ . : - (but not "
        "sluice:...)"}},
      {"topics: {\"sluice:b\": {path: /a}}\n",
       {"2:10: topics.sluice:b: a topic's name is 1 to 128 letters, digits, and _ . : - (but not "
        "sluice:...)"}},
      {"topics:\n  a: {path: /x}\n  b: {path: /x/}\n",
       {"4:13: topics.b.path: this path is that of topics.a.path on line 3"}},
      {"topics: {a/b: {path: /a}}\n",
       {"2:10: topics.a/b: a topic's name is 1 to 128 letters, digits, and _ . : - (but not "
        "sluice:...)"}},
      {"topics:\n  a: {path: /x}\n  b: {path: /x}\n",
       {"4:13: topics.b.path: this path is that of topics.a.path on line 3"}},
      {"topics:\n  a: {path: \"/x/{p}\", channel: \"a:{p}\"}\n"
       "  b: {path: \"/x/{q}\", channel: \"b:{q}\"}\n",
       {"4:13: topics.b.path: this path is that of topics.a.path on line 3"}},
      {"topics:\n  a: {path: /x, channel: c}\n  b: {path: /y, channel: c}\n",
       {"4:26: topics.b.channel: this channel is that of topics.a.channel on line 3"}},
      {"topics:\n  a: {path: /x, channel: b}\n  b: {path: /y}\n",
       {"4:3: topics.b: its channel (the name) is that of topics.a.channel on line 3"}},
      {"topics:\n  a: {path: \"/x/{p}\", channel: \"c:{p}\"}\n"
       "  b: {path: \"/y/{q}\", channel: \"c:{q}\"}\n",
       {"4:32: topics.b.channel: this channel is that of topics.a.channel on line 3"}},
      {"topics: {a: {path: \"/x/{p}\"}}\n",
       {"2:10: topics.a.channel: is missing; the path has parameters, so it must say where they "
        "go"}},
      {"topics: {a: {path: \"/x/{p}\", channel: a}}\n",
       {"2:39: topics.a.channel: \"a\" " + parameters}},
      {"topics: {a: {path: \"/x/{p}\", channel: \"a:{q}\"}}\n",
       {"2:39: topics.a.channel: \"a:{q}\" " + parameters}},
      {"topics: {a: {path: /x, channel: \"a:{q}\"}}\n",
       {"2:33: topics.a.channel: \"a:{q}\" has parameters, but the path has none"}},
      {"topics: {a: {path: \"/x/{p}\", channel: \"a:{p\"}}\n",
       {"2:39: topics.a.channel: \"a:{p\" has a brace without its partner"}},
      {"topics: {a: {path: \"/x/{p}{q}\", channel: \"a:{p}\"}}\n",
       {"2:20: topics.a.path: \"/x/{p}{q}\" has a parameter that is not a whole segment "
        "(/{name}/)"}},
      {"demo: true\ntopics: {a: {path: /sluice/demo/metrics}}\n",
       {"2:7: demo: it has a topic at the path of topics.a.path on line 3"}},
      {"demo: true\ntopics: {sluice.metrics: {path: /a, channel: a}}\n",
       {"2:7: demo: it has a topic named sluice.metrics, and so has `topics`"}},
      {"demo: true\ntopics: {a: {path: /a, channel: sluice.metrics}}\n",
       {"2:7: demo: it has a topic with the channel of topics.a.channel on line 3"}},
      {"demo: true\ntopics: {a: {path: /}}\n",
       {"2:7: demo: its page is at the path of topics.a.path on line 3"}},
  });
}

TEST(MistakesTest, ReplayAndFilterFitTheTopic) {
  ExpectProblems({
      {"topics: {a: {path: /a, replay: {initial: 6}, history: {events: 5}}}\n",
       {"2:42: topics.a.replay.initial: 6 events cannot be replayed when history.events keeps 5"}},
      {"topics: {a: {path: /a, filter: [type]}}\n",
       {"2:24: topics.a.filter: needs \"format: json\" or \"format: envelope\"; plain text has no "
        "fields"}},
      {"topics: {a: {path: /a, format: json, filter: [a, b, c, d, e]}}\n",
       {"2:38: topics.a.filter: has 5 fields; 4 is the most"}},
      {"topics: {a: {path: /a, format: json, filter: type}}\n",
       {"2:46: topics.a.filter: must be a list, and is a single value"}},
      {"topics: {a: {path: /a, format: json, filter: [a, \"\", a, token]}}\n",
       {"2:50: topics.a.filter[1]: \"\" is not 1 to 64 bytes long",
        "2:54: topics.a.filter[2]: \"a\" is in the list already",
        "2:57: topics.a.filter[3]: \"token\" has a meaning of its own in the query of a "
        "subscription"}},
  });
}

TEST(MistakesTest, PublishPathsHaveTheTopicAndSayWhoMay) {
  const std::string topic = " must have {topic}, and no other parameter; or add \"topic: NAME\"";
  ExpectProblems({
      {"publish: [{path: \"/p/{topic}\"}]\n",
       {"2:11: publish[0].auth: is missing; \"auth: none\" lets everyone who can connect "
        "publish"}},
      {"publish: [{auth: none}]\n", {"2:11: publish[0].path: is missing"}},
      {"publish: [{path: /p, auth: none}]\n", {"2:18: publish[0].path: \"/p\"" + topic}},
      {"publish: [{path: \"/{a}/{topic}\", auth: none}]\n",
       {"2:18: publish[0].path: \"/{a}/{topic}\"" + topic}},
      {"publish: [{path: \"/{id}\", auth: none}]\n", {"2:18: publish[0].path: \"/{id}\"" + topic}},
      {"publish:\n  - {path: \"/{topic}\", auth: none}\n  - {path: \"/{topic}\", auth: none}\n",
       {"4:12: publish[1].path: this path is that of publish[0].path on line 3"}},
      {"topics:\n  a: {path: \"/x/{id}\", channel: \"a:{id}\"}\n"
       "publish: [{path: \"/x/{topic}\", auth: none}]\n",
       {"4:18: publish[0].path: this path is that of topics.a.path on line 3"}},
  });
}

TEST(MistakesTest, PublishTopicIsThereAndItsParametersAreThoseOfThePath) {
  const std::string topics =
      "topics:\n  news: {path: /n}\n  room: {path: \"/r/{id}\", channel: \"room:{id}\"}\n";
  ExpectProblems({
      {"publish: [{path: /p, topic: news, auth: none}]\n",
       {"2:29: publish[0].topic: \"news\" is not a topic under `topics`"}},
  });
  const auto expect = [&](const std::string& entry, const std::vector<std::string>& problems) {
    EXPECT_THAT(ProblemsIn("listen: 127.0.0.1:80\n" + topics + "publish: [" + entry + "]\n"),
                ElementsAreArray(problems))
        << entry;
  };
  expect("{path: /p, topic: news, auth: none}", {});
  expect("{path: \"/p/{id}/x\", topic: room, auth: none}", {});
  expect("{path: /p, topic: newz, auth: none}",
         {"5:29: publish[0].topic: \"newz\" is not a topic under `topics`; did you mean "
          "\"news\"?"});
  expect(
      "{path: /p, topic: \"room:1\", auth: none}",
      {"5:29: publish[0].topic: \"room:1\" is not a topic under `topics`; did you mean \"room\"?"});
  expect("{path: \"/p/{topic}\", topic: news, auth: none}",
         {"5:18: publish[0].path: \"/p/{topic}\" has {topic}, but topics.news.path has no "
          "parameter"});
  expect("{path: /p, topic: room, auth: none}",
         {"5:18: publish[0].path: \"/p\" has no parameter, but topics.room.path has {id}"});
  expect("{path: \"/p/{x}/{id}\", topic: room, auth: none}",
         {"5:18: publish[0].path: \"/p/{x}/{id}\" has {x}, {id}, but topics.room.path has {id}"});
}

TEST(MistakesTest, StampsAreFewAndKnown) {
  ExpectProblems({
      {"publish: [{path: \"/{topic}\", auth: none, stamp: {id: unix_ms, at: iso8601}}]\n", {}},
      {"publish: [{path: \"/{topic}\", auth: none, stamp: [id]}]\n",
       {"2:42: publish[0].stamp: must be a map (key: value), and is a list"}},
      {"publish: [{path: \"/{topic}\", auth: none, stamp: {id: unix, id: unix_ms}}]\n",
       {"2:54: publish[0].stamp.id: \"unix\" is not one of: unix_ms, iso8601",
        "2:60: publish[0].stamp.id: duplicate key; it is already on line 2"}},
      {"publish: [{path: \"/{topic}\", auth: none, stamp: {\"\": unix_ms}}]\n",
       {"2:50: publish[0].stamp.: a member's name is 1 to 64 bytes of UTF-8"}},
      {"publish: [{path: \"/{topic}\", auth: none, stamp: {a: unix_ms, b: unix_ms, c: unix_ms, "
       "d: unix_ms, e: unix_ms}}]\n",
       {"2:42: publish[0].stamp: has 5 members; 4 is the most"}},
  });
}

TEST(MistakesTest, GreetingIsOneShortLine) {
  const std::string start = "listen: 127.0.0.1:80\ntopics: {a: {path: /a, greeting: \"";
  EXPECT_THAT(ProblemsIn(start + std::string(4096, 'x') + "\"}}\n"),
              ElementsAreArray(std::vector<std::string>{}));
  EXPECT_THAT(ProblemsIn(start + std::string(4097, 'x') + "\"}}\n"),
              ElementsAreArray({"2:34: topics.a.greeting: has 4097 bytes; 4096 is the most"}));
  EXPECT_THAT(ProblemsIn(start + "a\\nb\"}}\n"),
              ElementsAreArray({"2:34: topics.a.greeting: \"a\\x0ab\" holds a line break, another "
                                "control character or bytes that are not UTF-8"}));
}

TEST(MistakesTest, DrainFitsItsDeadline) {
  ExpectProblems({
      {"drain: {delay: 2s, spread: 3s, deadline: 4999ms}\n",
       {"2:1: drain: deadline (4999ms) ends before delay and spread are over (5s)"}},
      {"drain: {delay: 2s, spread: 3s, deadline: 5s}\n", {}},
  });
}

TEST(MistakesTest, WhatIsNotBuiltIsRefusedByName) {
  ExpectProblems({
      {"multi: {}\n", {"2:1: multi: not built yet: several topics on one connection"}},
      {"broker: redis\nredis: {sentinel: {}, cluster: {}}\n",
       {"3:9: redis.sentinel: not built yet: Redis Sentinel",
        "3:23: redis.cluster: not built yet: Redis Cluster"}},
      {"broker: redis\nredis: {url: \"rediss://:s3cret@h\"}\n",
       {"3:14: redis.url: not built yet: TLS to Redis"}},
      {"topics: {a: {path: /a, source: stream}}\n",
       {"2:32: topics.a.source: not built yet: Redis Streams as a source"}},
  });
  EXPECT_THAT(ProblemsIn("listen: {address: 127.0.0.1:1, tls: {}}\n"),
              ElementsAreArray({"1:32: listen.tls: not built yet: TLS"}));
  EXPECT_THAT(ProblemsIn("listen: [{address: 127.0.0.1:1, tls: {}}]\n"),
              ElementsAreArray({"1:33: listen[0].tls: not built yet: TLS"}));
}

}  // namespace
}  // namespace sluice::config
