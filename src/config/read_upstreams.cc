#include "config/read_upstreams.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "config/claims.h"
#include "config/names.h"
#include "config/read_document.h"
#include "config/read_headers.h"
#include "config/read_host.h"
#include "config/read_path.h"

namespace sluice::config {
namespace {

constexpr uint64_t kHour = 3'600'000;
constexpr uint64_t kKiB = 1024;
constexpr Range kTimeout = {1, 24 * kHour};
constexpr size_t kMaxServers = 256;

std::optional<net::Endpoint> ReadServerAddress(Reader& reader, const Value& value,
                                               Claims& addresses) {
  const std::optional<std::string> text = reader.Text(value);
  if (!text) return std::nullopt;
  Result<net::Endpoint> endpoint = net::ParseEndpoint(*text);
  const bool any = text->starts_with('*') || text->starts_with(':');  // for listening only
  if (!endpoint || any || (!endpoint->is_unix() && endpoint->port == 0)) {
    reader.FailQuoting(value,
                       "is not the address of a server, such as 127.0.0.1:3000, app.internal:3000, "
                       "[::1]:3000 or unix:/run/app.sock; whether it speaks TLS is said by `tls`");
    return std::nullopt;
  }
  endpoint->host = LowerCase(endpoint->host);
  const std::string canonical = CanonicalAddress(endpoint->host);
  if (!canonical.empty()) endpoint->host = canonical;
  addresses.Claim(reader, value, endpoint->ToString(), "this address is that");
  return std::move(*endpoint);
}

void ReadServer(Reader& reader, const Value& value, Claims& addresses,
                std::vector<UpstreamServer>& out) {
  UpstreamServer server;
  const auto add = [&](const Value& address) {
    std::optional<net::Endpoint> endpoint = ReadServerAddress(reader, address, addresses);
    if (!endpoint) return;
    server.endpoint = std::move(*endpoint);
    out.push_back(std::move(server));
  };
  if (value.node->kind != YamlNode::Kind::kMap) return add(value);
  reader.Map(value, [&](Section& section) {
    section.Count("weight", server.weight, {1, 1'000});
    section.Bool("backup", server.backup);
    const Value* address = section.Require("address");
    if (address != nullptr) add(*address);
  });
}

void ReadServers(Section& section, Upstream& upstream) {
  Reader& reader = section.reader();
  const Value* value = section.Require("servers", "; name at least one, such as 127.0.0.1:3000");
  if (value == nullptr) return;
  Claims addresses;
  reader.List(*value,
              [&](const Value& item) { ReadServer(reader, item, addresses, upstream.servers); });
  if (value->node->kind != YamlNode::Kind::kList) return;
  const size_t count = value->node->entries.size();
  if (count == 0) reader.Fail(*value, "is an empty list");
  if (count > kMaxServers) {
    reader.Fail(*value, fmt::format("has {} servers; {} is the most", count, kMaxServers));
  }
  const bool all_backups = std::all_of(upstream.servers.begin(), upstream.servers.end(),
                                       [](const UpstreamServer& server) { return server.backup; });
  if (all_backups && !upstream.servers.empty()) {
    reader.Fail(*value, "has backups only; one server must be none");
  }
}

void ReadHashName(Section& section, std::string_view key, HashKey::Kind kind, HashKey& out) {
  std::string name;
  const Value* value = section.Text(key, name);
  if (value == nullptr) return;
  if (!IsToken(name)) return section.reader().FailQuoting(*value, "is not a name");
  out = {kind, kind == HashKey::Kind::kHeader ? LowerCase(name) : name};
}

void ReadBalance(Section& section, Upstream& upstream) {
  section.Choice<Balance>("balance", upstream.balance,
                          {{"round_robin", Balance::kRoundRobin},
                           {"least_connections", Balance::kLeastConnections},
                           {"hash", Balance::kHash}});
  const Value* value = section.Find("hash");
  if (value == nullptr) return;
  Reader& reader = section.reader();
  if (upstream.balance != Balance::kHash) {
    reader.Fail(*value, "is not used without \"balance: hash\"");
  }
  if (value->node->kind != YamlNode::Kind::kMap) {
    const std::optional<std::string> text = reader.Text(*value);
    if (text && *text != "address") {
      reader.FailQuoting(*value, "is not address, {cookie: NAME} or {header: NAME}");
    }
    return;
  }
  reader.Map(*value, [&](Section& hash) {
    ReadHashName(hash, "cookie", HashKey::Kind::kCookie, upstream.hash);
    ReadHashName(hash, "header", HashKey::Kind::kHeader, upstream.hash);
    if ((hash.Find("cookie") != nullptr) == (hash.Find("header") != nullptr)) {
      reader.Fail(*value, "needs exactly one of cookie and header");
    }
  });
}

void ReadKeepalive(Section& section, Upstream& upstream) {
  constexpr Range kConnections = {0, 100'000};
  const Value* value = section.Find("keepalive");
  if (value == nullptr) return;
  Reader& reader = section.reader();
  if (value->node->kind == YamlNode::Kind::kScalar) {
    const auto number = reader.Quantity(*value, Unit::kCount, kConnections);
    if (number) upstream.keepalive = static_cast<uint32_t>(*number);
    return;
  }
  reader.Map(*value, [&](Section& keepalive) {
    keepalive.Count("connections", upstream.keepalive, kConnections);
    keepalive.Duration("timeout", upstream.keepalive_timeout_ms, kTimeout);
    keepalive.Duration("age", upstream.keepalive_age_ms, kTimeout);
    keepalive.Count("requests", upstream.keepalive_requests, {1, 100'000'000});
  });
}

// PEM that holds a `what`, such as "CERTIFICATE"; null if none was given.
const Value* ReadPem(Section& section, std::string_view key, std::string_view what,
                     std::string& out) {
  const Value* value = section.Find(key);
  if (value == nullptr) return nullptr;
  Reader& reader = section.reader();
  const std::optional<std::string> given = reader.Block(*value);
  if (!given || given->empty()) return nullptr;
  std::optional<std::string> text = ReadDocument(reader, *value, "-----BEGIN ");
  if (!text) return value;
  if (text->find(fmt::format("{}-----", what)) == std::string::npos) {
    reader.Fail(*value, fmt::format("holds no {} in PEM", what));
  }
  out = std::move(*text);
  return value;
}

void ReadTlsMap(Section& section, const Value& map, UpstreamTls& tls) {
  Reader& reader = section.reader();
  section.Bool("verify", tls.verify);
  ReadHostName(section, "server_name", tls.server_name);
  const Value* ca = ReadPem(section, "ca", "CERTIFICATE", tls.ca);
  if (ca != nullptr && !tls.verify) reader.Fail(*ca, "is not used with \"verify: false\"");
  const Value* certificate = ReadPem(section, "certificate", "CERTIFICATE", tls.certificate);
  const Value* key = ReadPem(section, "key", "PRIVATE KEY", tls.key);
  if ((certificate == nullptr) != (key == nullptr)) {
    reader.FailAtKey(map, "needs certificate and key, or neither");
  }
}

void ReadTls(Section& section, Upstream& upstream) {
  const Value* value = section.Find("tls");
  if (value == nullptr) return;
  Reader& reader = section.reader();
  if (value->node->kind == YamlNode::Kind::kMap) {
    reader.Map(*value, [&](Section& map) { ReadTlsMap(map, *value, upstream.tls.emplace()); });
  } else {
    const std::optional<std::string> text = reader.Text(*value);
    if (text == "true") upstream.tls.emplace();
    if (text && *text != "true" && *text != "false") {
      reader.FailQuoting(*value, "is not true, false or a map such as {ca: file:ca.pem}");
    }
  }
  if (!upstream.tls || !upstream.tls->verify || !upstream.tls->server_name.empty()) return;
  const bool unnamed =
      std::any_of(upstream.servers.begin(), upstream.servers.end(),
                  [](const UpstreamServer& server) { return server.endpoint.is_unix(); });
  if (unnamed) {
    reader.FailAtKey(*value,
                     "needs server_name: a unix socket has no name for the certificate to be for");
  }
}

void ReadHealthCheck(Section& section, Upstream& upstream) {
  section.Map("health_check", [&](Section& map) {
    HealthCheck& check = upstream.health_check.emplace();
    ReadTarget(map.reader(), map.Find("path"), check.path);
    ReadAuthority(map, "host", check.host);
    map.Duration("interval", check.interval_ms, {100, kHour});
    check.timeout_ms = std::min(check.timeout_ms, check.interval_ms);
    map.Duration("timeout", check.timeout_ms, {1, kHour});
    const Value* timeout = map.Find("timeout");
    if (timeout != nullptr && check.timeout_ms > check.interval_ms) {
      map.reader().FailQuoting(
          *timeout, fmt::format("is longer than the interval ({}): one check ends before the next",
                                FormatQuantity(Unit::kDuration, check.interval_ms)));
    }
    map.Count("rise", check.rise, {1, 100});
    map.Count("fall", check.fall, {1, 100});
  });
}

void ReadFailures(Section& section, Upstream& upstream) {
  section.Count("max_fails", upstream.max_fails, {0, 1'000});
  section.Duration("backoff", upstream.backoff_ms, {1, kHour});
  upstream.backoff_max_ms = std::max(upstream.backoff_max_ms, upstream.backoff_ms);
  section.Duration("backoff_max", upstream.backoff_max_ms, {1, kHour});
  const Value* most = section.Find("backoff_max");
  if (most != nullptr && upstream.backoff_max_ms < upstream.backoff_ms) {
    section.reader().FailQuoting(*most,
                                 fmt::format("is shorter than backoff ({})",
                                             FormatQuantity(Unit::kDuration, upstream.backoff_ms)));
  }
}

void ReadUpstream(Section& section, Upstream& upstream) {
  ReadServers(section, upstream);
  ReadBalance(section, upstream);
  ReadKeepalive(section, upstream);
  ReadTls(section, upstream);
  ReadHealthCheck(section, upstream);
  ReadFailures(section, upstream);
  section.Count("max_connections", upstream.max_connections, {0, 1'000'000});
  section.Map("queue", [&](Section& queue) {
    queue.Count("size", upstream.queue, {0, 100'000});
    queue.Duration("timeout", upstream.queue_timeout_ms, kTimeout);
  });
  section.Duration("connect_timeout", upstream.connect_timeout_ms, kTimeout);
  section.Duration("send_timeout", upstream.send_timeout_ms, kTimeout);
  section.Duration("read_timeout", upstream.read_timeout_ms, kTimeout);
  section.Duration("resolve_interval", upstream.resolve_interval_ms, {100, 24 * kHour});
  section.Size("head_bytes", upstream.head_bytes, {kKiB, 1024 * kKiB});
  section.Bool("trust_x_accel", upstream.trust_x_accel);
}

}  // namespace

void ReadUpstreams(Reader& reader, const Value& upstreams, std::vector<Upstream>& out) {
  reader.Names(upstreams, [&](const std::string& name, const Value& value) {
    if (!IsName(name)) reader.FailAtKey(value, NameRule("an upstream's"));
    Upstream upstream;
    upstream.name = name;
    reader.Map(value, [&](Section& section) { ReadUpstream(section, upstream); });
    out.push_back(std::move(upstream));
  });
}

}  // namespace sluice::config
