// How an event is handed to what distributes it: as a Redis PUBLISH or as an HTTP POST, both
// pipelined. Bytes in, bytes out; bench_publisher.h owns the socket. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "cli/bench_socket.h"
#include "cli/http_url.h"
#include "sluice/base/result.h"

namespace sluice::cli::bench {

class PublishProtocol {
 public:
  virtual ~PublishProtocol() = default;

  // What must be sent first, before any event; often nothing. Its replies are counted too.
  virtual uint64_t Greet(std::string& out) = 0;  // returns how many replies it causes
  // Appends the request that publishes `payload`.
  virtual void Encode(std::string_view payload, std::string& out) = 0;
  // Takes received bytes; returns how many replies were completed, or what a reply refused.
  [[nodiscard]] virtual Result<uint64_t> TakeReplies(std::string_view bytes) = 0;
};

struct PublishTarget {
  enum class Kind : uint8_t { kNone, kRedis, kHttp };
  Kind kind = Kind::kNone;
  net::Endpoint endpoint;
  std::string user;      // Redis
  std::string password;  // Redis
  std::string channel;   // Redis
  HttpUrl url;           // HTTP

  [[nodiscard]] std::unique_ptr<PublishProtocol> MakeProtocol() const;  // REQUIRES: not kNone
};

// "none", "redis://[user:password@]host[:port]", "unix:/path" (Redis on a unix socket) or
// "http://…".
[[nodiscard]] Result<PublishTarget> ParsePublishTarget(std::string_view text,
                                                       std::string_view channel);

}  // namespace sluice::cli::bench
