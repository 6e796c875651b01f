#include "config/read_config.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "config/read_auth.h"
#include "config/read_forwarding.h"
#include "config/read_host.h"
#include "config/read_limits.h"
#include "config/read_publish.h"
#include "config/read_routes.h"
#include "config/read_topics.h"
#include "config/read_upstreams.h"
#include "config/redis_url.h"

namespace sluice::config {
namespace {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;
constexpr uint64_t kGiB = 1024 * kMiB;
constexpr uint64_t kHour = 3'600'000;
constexpr Range kTimeout = {1, 24 * kHour};

std::optional<net::Endpoint> ReadAddress(Reader& reader, const Value& value, Claims& addresses) {
  const std::optional<std::string> text = reader.Text(value);
  if (!text) return std::nullopt;
  Result<net::Endpoint> endpoint = net::ParseEndpoint(*text);
  if (endpoint && !endpoint->is_unix()) {
    endpoint->host = CanonicalAddress(endpoint->host);
    if (endpoint->host.empty()) endpoint = Fail(Errc::kInvalid, "");
  }
  if (!endpoint) {
    reader.FailQuoting(value,
                       "is not an address to listen on, such as 127.0.0.1:8080, *:8080, [::1]:8080 "
                       "or unix:/run/sluice.sock; names are not resolved");
    return std::nullopt;
  }
  const bool any_port = !endpoint->is_unix() && endpoint->port == 0;  // the kernel chooses one
  if (!any_port) addresses.Claim(reader, value, endpoint->ToString(), "this address is that");
  return *endpoint;
}

void ReadListenItem(Reader& reader, const Value& value, Claims& addresses,
                    std::vector<Listen>& out) {
  const auto add = [&](const Value& address) {
    std::optional<net::Endpoint> endpoint = ReadAddress(reader, address, addresses);
    if (endpoint) out.push_back({std::move(*endpoint)});
  };
  if (value.node->kind != YamlNode::Kind::kMap) return add(value);
  reader.Map(value, [&](Section& section) {
    const Value* address = section.Require("address");
    if (address != nullptr) add(*address);
  });
}

void ReadListen(Section& section, Claims& addresses, Config& config) {
  Reader& reader = section.reader();
  const Value* value = section.Require("listen", "; say where to serve, such as 127.0.0.1:8080");
  if (value == nullptr) return;
  if (value->node->kind != YamlNode::Kind::kList) {
    Value only = *value;
    only.schema += "[]";
    return ReadListenItem(reader, only, addresses, config.listen);
  }
  if (value->node->entries.empty()) reader.Fail(*value, "is an empty list");
  reader.List(*value,
              [&](const Value& item) { ReadListenItem(reader, item, addresses, config.listen); });
}

void ReadWorkers(Section& section, Config& config) {
  const Value* value = section.Find("workers");
  if (value == nullptr) return;
  const std::optional<std::string> text = section.reader().Text(*value);
  if (!text || *text == "auto") return;
  const auto number = ParseQuantity(Unit::kCount, *text, {1, 256});
  if (!number) {
    const bool is_number = text->find_first_of("0123456789") == 0;
    section.reader().FailQuoting(*value,
                                 is_number ? number.error() : "is neither auto nor a whole number");
    return;
  }
  config.workers = static_cast<uint32_t>(*number);
}

void ReadLogPath(Section& section, std::string& path) {
  const Value* value = section.Find("path");
  std::optional<std::string> text = value ? section.reader().Text(*value) : std::nullopt;
  if (!text) return;
  if (text->empty()) {
    return section.reader().Fail(*value, "is empty; write stderr, stdout or a file");
  }
  path = std::move(*text);
}

void ReadAccessLog(Reader& reader, const Value& value, std::optional<AccessLog>& out) {
  if (value.node->kind == YamlNode::Kind::kScalar) {
    const std::optional<std::string> text = reader.Text(value);
    if (text && *text != "off") {
      reader.FailQuoting(value, "is neither off nor a map such as {path: stdout, format: json}");
    }
    return;
  }
  reader.Map(value, [&](Section& access) {
    ReadLogPath(access, out.emplace().path);
    access.Choice<AccessFormat>(
        "format", out->format,
        {{"combined", AccessFormat::kCombined}, {"json", AccessFormat::kJson}});
  });
}

void ReadLog(Section& section, Config& config) {
  section.Map("log", [&](Section& log) {
    log.Choice<LogLevel>("level", config.log_level,
                         {{"debug", LogLevel::kDebug},
                          {"info", LogLevel::kInfo},
                          {"warn", LogLevel::kWarn},
                          {"error", LogLevel::kError},
                          {"off", LogLevel::kOff}});
    ReadLogPath(log, config.log_path);
    const Value* access = log.Find("access");
    if (access != nullptr) ReadAccessLog(log.reader(), *access, config.access_log);
  });
}

void ReadBroker(Section& section, Config& config) {
  section.Choice<BrokerKind>("broker", config.broker,
                             {{"memory", BrokerKind::kMemory}, {"redis", BrokerKind::kRedis}});
  Redis& redis = config.redis;
  section.Map("redis", [&](Section& map) {
    Reader& reader = map.reader();
    const Value* url = map.Find("url");
    const std::optional<std::string> text = url ? reader.Text(*url) : std::nullopt;
    const bool not_built = text && text->rfind("rediss://", 0) == 0 &&
                           reader.FailNotBuilt(*url, "redis.url: rediss://");
    if (text && !not_built) {
      const auto parsed = ParseRedisUrl(*text, redis);
      if (!parsed) reader.Fail(*url, "the URL " + parsed.error());
    }
    map.Duration("probe_interval", redis.probe_interval_ms, {10, kHour});
    map.Duration("connect_timeout", redis.connect_timeout_ms, {1, kHour});
    map.Duration("backoff_max", redis.backoff_max_ms, {1, kHour});
  });
  const Value* redis_map = section.Find("redis");
  if (redis_map != nullptr && section.Find("broker") == nullptr) {
    section.reader().Fail(*redis_map,
                          "is not used, since the broker is memory; add \"broker: redis\"");
  }
}

void ReadLimits(Section& section, Limits& limits) {
  section.Map("limits", [&](Section& map) {
    map.Count("connections", limits.connections, {1, 10'000'000});
    map.Count("subscribers", limits.subscribers, {1, 100'000'000});
    map.Size("header_bytes", limits.header_bytes, {kKiB, kMiB});
    map.Count("headers", limits.headers, {1, 10'000});
    map.Size("body_bytes", limits.body_bytes, {0, kGiB});
    map.Size("message_bytes", limits.message_bytes, {1, 512 * kMiB});
    map.Duration("header_timeout", limits.header_timeout_ms, kTimeout);
    map.Duration("body_timeout", limits.body_timeout_ms, kTimeout);
    map.Duration("idle_timeout", limits.idle_timeout_ms, kTimeout);
    map.Duration("write_timeout", limits.write_timeout_ms, kTimeout);
    map.Size("notsent_bytes", limits.notsent_bytes, {kKiB, kGiB});
    map.Count("auth_failures", limits.auth_failures, {0, 1'000'000});
    map.Count("per_ip", limits.per_ip, {0, 1'000'000});
    // A token is told by the scheme of what is asked for, which may be any.
    ReadRequestRate(map, "requests", true, limits.requests);
  });
}

void ReadDrain(Section& section, Drain& drain) {
  section.Map("drain", [&](Section& map) {
    map.Duration("delay", drain.delay_ms, {0, kHour});
    map.Duration("spread", drain.spread_ms, {0, kHour});
    map.Duration("deadline", drain.deadline_ms, {0, 24 * kHour});
  });
  const Value* value = section.Find("drain");
  const uint64_t needed = uint64_t{drain.delay_ms} + drain.spread_ms;
  if (value != nullptr && drain.deadline_ms < needed) {
    section.reader().Fail(*value,
                          fmt::format("deadline ({}) ends before delay and spread are over ({})",
                                      FormatQuantity(Unit::kDuration, drain.deadline_ms),
                                      FormatQuantity(Unit::kDuration, needed)));
  }
}

void ReadDemo(Section& section, Claims& paths, Claims& channels, Config& config) {
  section.Bool("demo", config.demo);
  const Value* value = section.Find("demo");
  if (!config.demo || value == nullptr) return;
  paths.Claim(section.reader(), *value, "/", "its page is at the path");
  AddDemoTopic(section.reader(), *value, paths, channels, config.topics);
}

}  // namespace

Config ReadConfig(Reader& reader, const YamlNode& root) {
  Config config;
  const Value document{&root, {1, 1}, {1, 1}, "", ""};
  reader.Map(document, [&](Section& section) {
    Claims addresses;
    ReadListen(section, addresses, config);
    ReadWorkers(section, config);
    const Value* pid_file = section.Find("pid_file");
    if (pid_file != nullptr) config.pid_file = reader.Text(*pid_file).value_or("");
    section.Map("admin", [&](Section& admin) {
      const Value* value = admin.Require("listen");
      if (value != nullptr) config.admin = ReadAddress(reader, *value, addresses);
    });
    ReadLog(section, config);
    ReadBroker(section, config);
    ReadLimits(section, config.limits);

    ReadCors(section, config.cors);
    const Value* auth = section.Find("auth");
    if (auth != nullptr) ReadAuth(reader, *auth, config.auth);

    const Value* upstreams = section.Find("upstreams");
    if (upstreams != nullptr) ReadUpstreams(reader, *upstreams, config.upstreams);
    ReadForwarding(section, config.forwarding);

    Claims paths;
    Claims channels;
    const Value* topics = section.Find("topics");
    if (topics != nullptr) ReadTopics(reader, *topics, paths, channels, config);
    const Value* publish = section.Find("publish");
    if (publish != nullptr) ReadPublish(reader, *publish, paths, config);
    ReadDrain(section, config.drain);
    ReadDemo(section, paths, channels, config);
    const Value* routes = section.Find("routes");
    if (routes != nullptr) ReadRoutes(reader, *routes, config);
  });
  return config;
}

}  // namespace sluice::config
