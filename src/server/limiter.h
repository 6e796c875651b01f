// How much one client may have (config/limits.h): connections of its address, and streams and
// requests of a topic or route. Says whether it is over a limit, and answers it if so.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/request_warnings.h"
#include "sluice/auth/identity.h"
#include "sluice/base/counter.h"
#include "sluice/base/keyed_hash.h"
#include "sluice/base/place_table.h"
#include "sluice/base/rate_table.h"
#include "sluice/config/config.h"
#include "sluice/event/loop.h"
#include "sluice/http/response.h"
#include "sluice/net/stream.h"
#include "sluice/server/exchange.h"

namespace sluice::server {

enum class Limit : uint8_t { kPerIp, kRequests, kConnections };
inline constexpr std::array<std::string_view, 3> kLimitNames = {"per_ip", "requests",
                                                                "connections"};
using LimitStats = std::array<Counter, kLimitNames.size()>;  // refusals, by Limit

// The limits of one topic or route, and what is counted for them.
struct LimitScope {
  std::string_view name;                    // of the topic or route
  config::RateLimits limits;                // with limits.requests where it has no rate itself
  std::shared_ptr<RateTable> requests;      // null: no limit
  std::shared_ptr<PlaceTable> connections;  // null: no limit
  uint32_t retry_base_ms =
      3'000;  // how long who is refused waits, at least, and a random part more
  uint32_t retry_jitter_ms = 2'000;
  bool stream = false;  // everything here is an event stream
};

// What all workers count together, as one configuration has it. Immutable, any thread, but for
// making one. Its tables are those of the configuration before it where they count the same.
struct ProcessLimits {
  // `before` is of the configuration before; null: there is none.
  explicit ProcessLimits(const config::Config& config, const ProcessLimits* before = nullptr);

  // By index in Config::topics and Config::routes; `rest` is for everything else.
  std::vector<LimitScope> topics;
  std::vector<LimitScope> routes;
  LimitScope rest;
  std::shared_ptr<PlaceTable> addresses;  // limits.per_ip; null: no limit
  std::shared_ptr<const KeyedHash> hash;

 private:
  // All tables that there have been, by name: connections that are older than the limits have
  // places in them. Main thread only.
  struct Tables {
    std::map<std::string, std::shared_ptr<PlaceTable>> places;
    std::map<std::string, std::pair<config::RequestRate, std::shared_ptr<RateTable>>> rates;
  };
  [[nodiscard]] std::shared_ptr<PlaceTable> PlacesOf(const std::string& name, size_t size);
  [[nodiscard]] std::shared_ptr<RateTable> RateOf(const std::string& name,
                                                  const config::RequestRate& rate);
  [[nodiscard]] LimitScope MakeScope(std::string_view kind, std::string_view name,
                                     const config::RateLimits& limits, size_t connections);

  std::shared_ptr<Tables> tables_;
};

// One a worker; its thread only, but for stats().
class Limiter {
 public:
  // `config` and `limits` live until SetLimits or the end of this.
  Limiter(const config::Config& config, const ProcessLimits& limits, RequestWarnings& warnings,
          event::Loop& loop)
      : config_(&config), process_(&limits), warnings_(warnings), loop_(loop) {}

  // After a reload.
  void SetLimits(const config::Config& config, const ProcessLimits& limits) {
    config_ = &config;
    process_ = &limits;
  }

  // A connection was accepted: takes its place, which it gives back when it closes.
  enum class Arrival : uint8_t {
    kAdmitted,
    kAnswered,  // over limits.per_ip: each of its requests gets RefuseConnection
    kCut,       // there are many of those already: close it without a word
  };
  [[nodiscard]] Arrival Accept(net::Stream& stream);
  void RefuseConnection(Exchange& exchange);

  // What AdmitRequest and AdmitConnection are asked for, by index in Config::topics and
  // Config::routes; `rest` is everything else.
  [[nodiscard]] const LimitScope& topic(uint32_t index) const { return process_->topics[index]; }
  [[nodiscard]] const LimitScope& route(uint32_t index) const { return process_->routes[index]; }
  [[nodiscard]] const LimitScope& rest() const { return process_->rest; }

  // Counts a request against the scope's rate. False: it was answered. To be called twice: before
  // its token was looked at, with null, and after, with whom it is from; each looks at the rates
  // that are its own. `client` is its address, as far as proxies that are trusted tell it.
  [[nodiscard]] bool AdmitRequest(const LimitScope& scope, Exchange& exchange,
                                  const net::PeerAddress& client, const auth::Identity* identity);

  // Takes one of the places that the scope has for this client; keep it as long as it takes one up.
  // Null: it was answered. Call it once everything else was checked.
  [[nodiscard]] std::optional<Place> AdmitConnection(const LimitScope& scope, Exchange& exchange,
                                                     const net::PeerAddress& client,
                                                     const auth::Identity& identity);

  [[nodiscard]] const LimitStats& stats() const { return stats_; }  // any thread

 private:
  // Null: a client that is not told from others, and not limited.
  [[nodiscard]] std::optional<uint64_t> KeyOf(const config::LimitKey& by,
                                              const http::Request& request,
                                              const net::PeerAddress& client,
                                              const auth::Identity* identity) const;
  void Refuse(const LimitScope& scope, Exchange& exchange, Limit limit, uint64_t wait_ms);

  const config::Config* config_;
  const ProcessLimits* process_;
  RequestWarnings& warnings_;
  event::Loop& loop_;
  LimitStats stats_;
};

// An event stream that is over at once. Browsers never come back after anything but 200 (WHATWG
// HTML 9.2.3).
[[nodiscard]] http::Response EndedStream(uint32_t retry_ms);

}  // namespace sluice::server
