// `upstreams:` and `routes:` as plain structs. See config/config.h; conf/reference.yaml says what
// each key does.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sluice/config/limits.h"
#include "sluice/net/address.h"

namespace sluice::config {

struct UpstreamServer {
  net::Endpoint endpoint;  // a name is resolved while the gateway runs, and again
  uint32_t weight = 1;
  bool backup = false;  // gets requests only while none of the others can
  bool operator==(const UpstreamServer&) const = default;
};

enum class Balance : uint8_t { kRoundRobin, kLeastConnections, kHash };

// What Balance::kHash hashes; a request without it is hashed by its client's address.
struct HashKey {
  enum class Kind : uint8_t { kAddress, kCookie, kHeader };
  Kind kind = Kind::kAddress;
  std::string name;  // of the cookie, or of the header in lower case
  bool operator==(const HashKey&) const = default;
};

struct UpstreamTls {
  bool verify = true;
  std::string server_name;  // SNI, and what the certificate must be for; empty: the server's host
  std::string ca;           // PEM; empty: the system's
  std::string certificate;  // PEM of a client certificate; empty: none
  std::string key;          // PEM of its key
  bool operator==(const UpstreamTls&) const = default;
};

// Active checks: a request every interval, whether or not clients ask anything.
struct HealthCheck {
  std::string path = "/";
  std::string host;  // Host header; empty: the upstream's name
  uint32_t interval_ms = 5'000;
  uint32_t timeout_ms = 2'000;
  uint32_t rise = 2;  // good answers (2xx, 3xx) in a row until it is up again
  uint32_t fall = 3;  // bad ones until it is down
  bool operator==(const HealthCheck&) const = default;
};

// One entry of `upstreams:`.
struct Upstream {
  std::string name;
  std::vector<UpstreamServer> servers;
  Balance balance = Balance::kRoundRobin;
  HashKey hash;
  std::optional<UpstreamTls> tls;
  std::optional<HealthCheck> health_check;
  uint32_t keepalive = 64;  // idle connections of each worker
  uint32_t keepalive_timeout_ms = 60'000;
  uint32_t keepalive_age_ms = 3'600'000;
  uint32_t keepalive_requests = 1'000;
  uint32_t max_connections = 0;  // to each server, of the whole process; 0: no limit
  uint32_t queue = 100;          // requests of each worker that wait for a connection
  uint32_t queue_timeout_ms = 5'000;
  uint32_t connect_timeout_ms = 2'000;  // with the TLS handshake
  uint32_t send_timeout_ms = 60'000;    // the server takes no byte of the request for so long
  uint32_t read_timeout_ms =
      60'000;                   // the server sends nothing for so long, before or inside the answer
  uint32_t max_fails = 3;       // failures in a row until a server rests; 0: never
  uint32_t backoff_ms = 1'000;  // its first rest; it doubles with each failure after
  uint32_t backoff_max_ms = 30'000;
  uint32_t resolve_interval_ms = 10'000;
  uint32_t head_bytes = 64 * 1024;  // of an answer; more is a 502
  bool trust_x_accel = true;
  bool operator==(const Upstream&) const = default;
};

struct HeaderEdits {
  std::vector<std::pair<std::string, std::string>> set;  // replaces all fields of that name
  std::vector<std::string> remove;                       // in lower case
  bool operator==(const HeaderEdits&) const = default;
};

// auth: {request: ...}: an app decides, request by request (nginx's auth_request).
struct AuthRequest {
  std::string upstream;
  std::string path;
  std::vector<std::string> copy;  // fields of a good answer that the request's upstream gets, in
                                  // lower case
  uint32_t cache_ms = 0;          // how long a good answer holds for the same token; 0: not at all
  std::vector<std::string>
      cache_key;  // "cookie:NAME", "header:name": what the token is, for the cache
  bool operator==(const AuthRequest&) const = default;
};

struct ErrorPage {
  int status = 0;
  std::string body;
  std::string content_type = "text/html; charset=utf-8";
  bool operator==(const ErrorPage&) const = default;
};

// One entry of `routes:`.
struct Route {
  std::string name;        // for @name, logs and metrics; the first host and path if none was given
  bool named = false;      // `name` was given
  std::string path = "/";  // a prefix, by whole segments; empty: reached as @name only
  std::vector<std::string> hosts;  // "app.example", "*.example", "[::1]", in lower case; empty: all
  std::string upstream;
  bool strip_prefix = false;  // the upstream does not see `path`
  std::string host;           // the Host that the upstream sees; empty: the client's
  HeaderEdits request_headers;
  HeaderEdits response_headers;
  bool buffering = true;
  uint64_t buffer_bytes = uint64_t{64} * 1024;  // of an answer that the client has not taken
  bool request_buffering = false;               // the whole body first, then the upstream
  std::optional<uint64_t> body_bytes;           // instead of limits.body_bytes
  std::string auth;                             // a scheme; empty: open
  std::optional<AuthRequest> auth_request;      // instead of a scheme
  bool strip_tokens = false;           // of the schemes: parameters, cookies, Authorization
  bool internal = false;               // reached by X-Accel-Redirect only
  bool websocket = true;               // Upgrade: websocket is passed on
  bool cors = false;                   // Config::cors holds for it, in place of the upstream's
  uint64_t limit_rate = 0;             // bytes a second of an answer; 0: no limit
  RateLimits limits;                   // of one client
  std::vector<ErrorPage> error_pages;  // for what the gateway answers itself
  bool intercept_errors = false;       // and for the upstream's errors
  bool operator==(const Route&) const = default;
};

// An address range, for trusted_proxies: IPv4 as IPv4-mapped.
struct AddressRange {
  std::array<uint8_t, 16> base{};
  uint8_t bits = 128;
  bool unix_sockets = false;  // "unix": all peers on unix sockets
  [[nodiscard]] bool Covers(const net::PeerAddress& address) const;
  bool operator==(const AddressRange&) const = default;
};

// Top-level keys of what proxies tell each other.
struct Forwarding {
  std::vector<AddressRange> trusted_proxies;
  bool via = true;
  bool forwarded = false;  // RFC 7239's Forwarded beside X-Forwarded-*
  // Whether a peer is among trusted_proxies.
  [[nodiscard]] bool Trusts(const net::PeerAddress& peer) const;
  bool operator==(const Forwarding&) const = default;
};

}  // namespace sluice::config
