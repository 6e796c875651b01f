// The configuration as plain structs: what conf/reference.yaml documents, with the same defaults
// and with units in the names. LoadConfig (config/load.h) makes and validates it once; from then on
// it is const and shared by all threads. Equality tells a reload what changed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sluice/base/log.h"
#include "sluice/config/auth.h"
#include "sluice/config/limits.h"
#include "sluice/config/proxy.h"
#include "sluice/net/address.h"

namespace sluice::config {

// listen[]: one address that serves clients.
struct Listen {
  net::Endpoint endpoint;
  bool operator==(const Listen&) const = default;
};

// limits: see conf/reference.yaml for what happens at each.
struct Limits {
  uint32_t connections = 18'000;
  uint32_t subscribers = 1'000'000;   // of all topics, in the process
  uint32_t header_bytes = 16 * 1024;  // request line and header fields
  uint32_t headers = 100;
  uint64_t body_bytes = uint64_t{1024} * 1024;
  uint64_t message_bytes = uint64_t{1024} * 1024;  // of one message from the broker or a publisher
  uint32_t header_timeout_ms = 10'000;  // from the first byte (or accept) to the whole head
  uint32_t body_timeout_ms = 10'000;    // longest silence inside a body
  uint32_t idle_timeout_ms = 75'000;    // between two requests
  uint32_t write_timeout_ms = 30'000;   // TCP_USER_TIMEOUT: a peer that acknowledges nothing
  uint32_t notsent_bytes = 16 * 1024;   // TCP_NOTSENT_LOWAT of each client socket
  uint32_t auth_failures = 60;          // refused tokens of one address in a minute; 0: no limit
  uint32_t per_ip = 0;                  // connections of one address; 0: no limit
  RequestRate requests;                 // of one client, where a topic or route has no rate itself
  bool operator==(const Limits&) const = default;
};

struct Redis {
  net::Endpoint endpoint{.host = "127.0.0.1", .port = 6379, .unix_path = {}};
  std::string user;
  std::string password;
  uint32_t database = 0;
  uint32_t probe_interval_ms = 1'000;
  uint32_t connect_timeout_ms = 2'000;
  uint32_t backoff_max_ms = 5'000;
  bool operator==(const Redis&) const = default;
};

enum class BrokerKind : uint8_t { kMemory, kRedis };
// Where a topic's messages come from: the broker's pub/sub, this process's own numbers, or an
// upstream's event stream.
enum class Source : uint8_t { kPubSub, kMetrics, kUpstream };
enum class Format : uint8_t { kText, kEnvelope, kJson };
enum class SlowPolicy : uint8_t { kDisconnect, kSkip, kLatest };

struct History {
  uint32_t events = 1'000;
  uint64_t bytes = uint64_t{4} * 1024 * 1024;
  uint64_t age_ms = 600'000;
  bool operator==(const History&) const = default;
};

// One entry of `topics:`. With {parameters} in its path it stands for many topics, and is the unit
// in which they are configured, limited and counted.
struct Topic {
  std::string name;                         // the key under `topics:`
  std::string path;                         // "/events/rooms/{id}"
  std::string channel;                      // "room:{id}"; the same parameters as the path
  std::string auth;                         // the name of a scheme; empty: open to everyone
  std::optional<AuthRequest> auth_request;  // instead of a scheme
  bool internal = false;                    // reached by X-Accel-Redirect only
  Source source = Source::kPubSub;
  uint32_t interval_ms = 2'000;  // between two messages of Source::kMetrics
  // Of Source::kUpstream.
  std::string upstream;          // its name
  std::string upstream_path;     // a request target; the same parameters as the path
  std::string upstream_host;     // the Host that it sees; empty: its name
  bool upstream_resumes = true;  // it goes on after Last-Event-ID
  Format format = Format::kText;
  History history;
  uint32_t replay_initial = 0;
  std::string greeting;             // data of an event that each client gets first; empty: none
  std::vector<std::string> filter;  // JSON fields that may be asked for in the query, at most 4
  uint32_t heartbeat_ms = 15'000;
  uint32_t retry_base_ms = 3'000;
  uint32_t retry_jitter_ms = 2'000;
  SlowPolicy slow_policy = SlowPolicy::kDisconnect;
  uint64_t slow_buffer_bytes = uint64_t{256} * 1024;  // how far behind a client may fall
  uint32_t max_subscribers = 50'000;                  // per topic
  uint32_t max_topics = 10'000;                       // per pattern
  RateLimits limits;                                  // of one client
  uint32_t linger_ms = 30'000;
  uint32_t subscribe_timeout_ms = 5'000;
  bool operator==(const Topic&) const = default;
};

enum class StampValue : uint8_t { kUnixMs, kIso8601 };

// A member that the gateway sets in the JSON objects that are published.
struct Stamp {
  std::string member;
  StampValue value = StampValue::kUnixMs;
  bool operator==(const Stamp&) const = default;
};

// One entry of `publish:`.
struct Publish {
  std::string path;
  std::string auth;   // the name of a scheme; empty: `none`, open to everyone
  std::string topic;  // a Topic::name, whose path has the same parameters; empty: {topic} says it
  std::vector<Stamp> stamp;  // at most 4
  bool operator==(const Publish&) const = default;
};

enum class AccessFormat : uint8_t { kCombined, kJson };

// log.access
struct AccessLog {
  std::string path = "stdout";  // "stderr", "stdout" or a file
  AccessFormat format = AccessFormat::kCombined;
  bool operator==(const AccessLog&) const = default;
};

struct Drain {
  uint32_t delay_ms = 0;          // readiness is off, connections are still accepted
  uint32_t spread_ms = 5'000;     // streams are closed evenly over this time
  uint32_t deadline_ms = 30'000;  // from the signal; what is left is cut
  bool operator==(const Drain&) const = default;
};

// What `demo: true` adds to Config::topics, as the last of them.
inline constexpr const char* kDemoTopic = "sluice.metrics";
inline constexpr const char* kDemoTopicPath = "/sluice/demo/metrics";

struct Config {
  std::vector<Listen> listen;
  uint32_t workers = 0;  // 0: one per core
  std::string pid_file;
  std::optional<net::Endpoint> admin;
  LogLevel log_level = LogLevel::kInfo;
  std::string log_path = "stderr";
  std::optional<AccessLog> access_log;  // off by default
  BrokerKind broker = BrokerKind::kMemory;
  Redis redis;
  Limits limits;
  std::optional<Cors> cors;
  std::vector<AuthScheme> auth;
  std::vector<Topic> topics;
  std::vector<Publish> publish;
  std::vector<Upstream> upstreams;
  std::vector<Route> routes;
  Forwarding forwarding;
  Drain drain;
  bool demo = false;
  bool operator==(const Config&) const = default;
};

using ConfigPtr = std::shared_ptr<const Config>;

}  // namespace sluice::config
