// Cuts requests out of a client's bytes, however they are torn, and refuses whatever two servers
// could read in two ways (RFC 9112). llhttp decides the grammar; the checks that it leaves to its
// user are here. Loop-thread only.
//
//   Fed fed = parser.Feed(bytes, &sink);     // kHead: request() is there; the body is not touched
//   yet fed = parser.Feed(rest, &sink);          // body to the sink; kEnd: the message is complete
//   parser.Next();                           // forgets the request; the next one may be fed
//
// Nothing after the end of a head or of a message is consumed in the same call, so a pipelined
// request waits untouched, and so do a body that nobody wants and the bytes of a tunnel: an upgrade
// (Request::upgrade_websocket) has no body, so all that follows its head is the tunnel's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/http/request.h"

namespace sluice::http {

struct RequestLimits {
  uint32_t head_bytes =
      16 * 1024;  // request line and fields, and trailers again; more: 431, or 414 in the line
  uint32_t target_bytes = 8 * 1024;      // more: 414
  uint32_t headers = 100;                // more: 431
  uint64_t body_bytes = 1024ULL * 1024;  // more: 413; LimitBody replaces it for one request
};

// Why a request is refused: the status to answer with, and what is wrong where. The text never
// quotes the request, so it may be sent and logged.
struct RequestError {
  int status = 0;
  std::string detail;
};

// llhttp's version, for --version.
[[nodiscard]] const char* ParserVersion();

// Takes a body as it arrives, without the chunk framing.
class BodySink {
 public:
  virtual ~BodySink() = default;
  // Valid until it returns. It must not call the parser.
  virtual void OnBodyBytes(std::string_view bytes) = 0;
};

class LlhttpMachine;
enum class LlhttpFault : uint8_t;

class RequestParser {
 public:
  // `limits` must outlive the parser. They are looked up as bytes arrive.
  explicit RequestParser(const RequestLimits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  enum class Event : uint8_t {
    kMore,   // all was consumed, and more is needed
    kHead,   // the head is complete: request() holds
    kEnd,    // the message is complete
    kError,  // error() says why; the connection is of no more use
  };
  struct Fed {
    Event event = Event::kMore;
    size_t consumed = 0;
  };
  // REQUIRES: after kEnd, Next() was called; after kError, nothing is fed. `sink` may be null: the
  // body is checked and dropped.
  [[nodiscard]] Fed Feed(std::string_view bytes, BodySink* sink);

  // Ready for the next request. Memory of an ordinary size is kept for it.
  void Next();

  // Whole after kHead. After kError in the head, the method is there if it was read.
  [[nodiscard]] const Request& request() const { return request_; }
  [[nodiscard]] const RequestError& error() const { return error_; }
  // Whether a byte of a request's head has been consumed since the start or Next().
  [[nodiscard]] bool started() const {
    return phase_ != Phase::kHead || !request_.fields_.bytes().empty();
  }
  // Whether the message is complete; right after kHead for one without a body.
  [[nodiscard]] bool complete() const { return phase_ == Phase::kEnd; }
  // False if the length that the request gives for its body is over the limit: error() then says
  // so, with 413, before any of the body was read. REQUIRES: after kHead.
  [[nodiscard]] bool CheckBodyLength();
  // Instead of limits.body_bytes, until Next(). REQUIRES: after kHead, before any of the body.
  void LimitBody(uint64_t bytes) { body_limit_ = bytes; }
  // Body bytes handed out so far.
  [[nodiscard]] uint64_t body_bytes() const { return body_bytes_; }
  // After kEnd: the trailers that may be passed on, as whole lines "Name: value\r\n"; usually
  // empty. What frames, routes, authorises or describes the message is not among them (RFC
  // 9110 6.5.1).
  [[nodiscard]] std::string_view trailers() const { return trailers_; }

 private:
  enum class Phase : uint8_t { kHead, kBody, kTrailers, kEnd, kFailed };

  Fed FeedHead(std::string_view bytes);
  // Takes the head if all of it is there and nothing is wrong with it; else nothing has happened.
  [[nodiscard]] bool TakeWholeHead(std::string_view bytes);
  Fed FeedBody(std::string_view bytes, BodySink* sink);
  Fed FeedTrailers(std::string_view bytes);
  [[nodiscard]] bool LineIsFolded(char first) const;
  [[nodiscard]] bool LineIsEmpty() const;
  [[nodiscard]] size_t Allowance(std::string_view piece) const;
  [[nodiscard]] bool EndLine();
  Fed EndHead(size_t consumed);
  // "request line" or "header line 3".
  [[nodiscard]] std::string Where() const;
  Fed Fail(size_t consumed);
  Fed Refuse(size_t consumed, int status, std::string detail);
  Fed RefuseSize(size_t consumed);
  Fed RefuseFault(LlhttpFault fault, size_t consumed, size_t offset);

  const RequestLimits& limits_;
  std::unique_ptr<LlhttpMachine> machine_;
  Request request_;
  RequestError error_;
  std::string trailers_;  // as they come, until they are complete
  uint64_t body_limit_ = 0;
  uint64_t body_bytes_ = 0;
  uint64_t framing_bytes_ = 0;  // of the body: what was not handed out
  uint32_t line_start_ = 0;     // where the line that is being read begins in the request's bytes
  uint32_t skipped_ = 0;        // line ends before the request line
  Phase phase_ = Phase::kHead;
};

}  // namespace sluice::http
