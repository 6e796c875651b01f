// One request to an upstream and its answer, as seen by who asks: the proxy for a client, an auth
// subrequest, a topic's source, a health check. Loop-thread only.
//
//   call = upstream.Start(std::move(request), handler);   no callback comes from inside it
//   handler: [OnInterim]... OnHead [OnBody]... OnEnd      or OnUpgraded, or OnFailed at any time
//
// OnEnd, OnUpgraded and OnFailed are the last callback. The handler may destroy the call in any
// callback; destroying it before the end aborts: the upstream's connection is closed, a place in
// the queue given up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/http/response_head.h"
#include "sluice/net/stream.h"

namespace sluice::proxy {

struct CallRequest {
  enum class Body : uint8_t { kNone, kLength, kChunked };

  // Request line and fields with the empty line, framing and Connection included.
  std::string head;
  // How what is given to SendBody is framed on the wire.
  Body body = Body::kNone;
  bool head_method = false;  // the answer to HEAD has no body
  bool idempotent = false;   // may be sent again if a kept connection proves dead (RFC 9110 9.2.2)
  bool upgrade = false;      // 101 is an answer
  uint64_t hash = 0;         // for Balance::kHash
};

struct CallFailure {
  enum class Kind : uint8_t {
    kNoServer,   // every server is down or resting
    kQueueFull,  // max_connections reached, and the queue is full
    kQueueTime,  // or the wait was too long
    kConnect,    // refused, unreachable, not resolved, TLS failed
    kConnectTime,
    kSend,       // broke while the request was sent
    kClosed,     // closed or reset before the answer was complete
    kReadTime,   // silent for too long
    kSendTime,   // took no byte for too long
    kProtocol,   // not HTTP/1.x, ambiguous framing, 101 unasked
    kHeadLimit,  // the head is over the limit
  };
  Kind kind = Kind::kNoServer;
  std::string detail;  // for the log; quotes nothing of the server

  // 502, 503 or 504.
  [[nodiscard]] int status() const;
};
// "connect", "read_timeout", ...: for logs and metrics.
[[nodiscard]] std::string_view ToName(CallFailure::Kind kind);
// Whether it is the fault of a server; else none was asked.
[[nodiscard]] constexpr bool IsOfServer(CallFailure::Kind kind) {
  return kind != CallFailure::Kind::kNoServer && kind != CallFailure::Kind::kQueueFull &&
         kind != CallFailure::Kind::kQueueTime;
}

class CallHandler {
 public:
  virtual ~CallHandler() = default;
  // 1xx other than 100 and 101.
  virtual void OnInterim(const http::ResponseHead& /*head*/) {}
  virtual void OnHead(const http::ResponseHead& head) = 0;
  // Without chunk framing; valid until the next OnPause, OnEnd or OnFailed has returned.
  virtual void OnBody(std::string_view bytes) = 0;
  // All that has arrived was delivered, and the message is not complete: time to pass it on. So
  // whoever forwards can write a head and the pieces of its body at once.
  virtual void OnPause() {}
  // The message is complete. `trailers` are whole lines, each with CRLF, of fields that may stand
  // there (RFC 9110 6.5.1); usually empty.
  virtual void OnEnd(std::string_view trailers) = 0;
  // 101 to a request that asked. What came behind the head is in `bytes`.
  virtual void OnUpgraded(const http::ResponseHead& head, std::unique_ptr<net::Stream> stream,
                          std::string bytes) = 0;
  virtual void OnFailed(const CallFailure& failure) = 0;
  // What was given to SendBody is with the kernel: unsent() is 0 again.
  virtual void OnSendable() {}
};

// What became of it, for logs, metrics and the next decision. Times run from the start of the call,
// so that each has what was before it: the wait for a place, servers that failed. 0: never.
struct CallRecord {
  struct Failure {
    std::string server;  // its address
    CallFailure::Kind kind;
  };

  std::string_view server;                     // the last one tried, as configured; empty: none
  std::shared_ptr<const std::string> address;  // where that one is; null: none
  uint32_t tries = 0;                          // servers and connections tried
  bool reused = false;                         // the last was a kept connection
  std::vector<Failure> failures;               // servers that failed, in order
  uint64_t started_ns = 0;                     // Loop::TurnNs
  uint64_t connect_ns = 0;                     // until there was a connection; 1: there was
  uint64_t head_ns = 0;                        // until the final head
  uint64_t end_ns = 0;                         // until the answer's last byte, or the failure
  uint64_t bytes_sent = 0;                     // to the last server, head and framing included
  uint64_t bytes_received = 0;                 // from it, likewise
};

class Call {
 public:
  virtual ~Call() = default;

  // Takes all bytes; what cannot be written now is copied and kept: see unsent(). Allowed before
  // there is a connection. REQUIRES: request.body is not kNone.
  virtual void SendBody(std::string_view bytes) = 0;
  // `trailers` as in OnEnd, for kChunked only.
  virtual void EndBody(std::string_view trailers) = 0;
  // Body bytes, in framing, that wait here. Whoever feeds stops while it is over its limit, and
  // goes on at OnSendable.
  [[nodiscard]] virtual size_t unsent() const = 0;

  // While paused, OnBody does not come, and the read timeout does not run.
  virtual void PauseReading() = 0;
  virtual void ResumeReading() = 0;
  // See net::Stream::LimitReads; until the end of the answer.
  virtual void LimitReads(size_t bytes) = 0;

  [[nodiscard]] virtual const CallRecord& record() const = 0;
};

}  // namespace sluice::proxy
