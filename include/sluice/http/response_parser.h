// Cuts responses out of a server's bytes, however they are torn, and refuses what two readers could
// read in two ways (RFC 9112). The client's side of request_parser.h, and built likewise: llhttp
// decides the grammar. Loop-thread only.
//
//   parser.Start({});                            // before each answer: what was asked
//   Fed fed = parser.Feed(bytes, &sink);         // kHead: head() is there; the body is untouched
//   fed = parser.Feed(rest, &sink);              // body to the sink; kEnd: the message is complete
//   event = parser.End();                        // when the server has ended the connection
//
// Interim answers (1xx) are events of their own where that was asked for, else skipped; 100 always
// is. 101 is refused unless an upgrade was asked for: then it is the last answer of the connection,
// and what follows its head is not HTTP and never consumed here. Nothing after the end of a head or
// of a message is consumed in the same call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/base/result.h"
#include "sluice/http/request_parser.h"
#include "sluice/http/response_head.h"

namespace sluice::http {

struct ResponseLimits {
  uint32_t head_bytes = 64 * 1024;  // of one head, interim ones and trailers too
  uint32_t headers = 200;
};

// What was asked, as far as it decides how the answer is read.
struct ResponseContext {
  bool head = false;     // by HEAD: the answer has no body
  bool upgrade = false;  // for WebSocket: 101 is an answer
  bool interim = false;  // 1xx are wanted
};

class ResponseParser {
 public:
  // `limits` must outlive the parser. It is ready for an answer to something other than HEAD.
  explicit ResponseParser(const ResponseLimits& limits);
  ~ResponseParser();
  ResponseParser(const ResponseParser&) = delete;
  ResponseParser& operator=(const ResponseParser&) = delete;

  enum class Event : uint8_t {
    kMore,     // all was consumed, and more is needed
    kInterim,  // head() is that of an interim answer, until the next call
    kHead,     // the head is complete: head() holds
    kEnd,      // the message is complete
    kError,    // error() says why; the connection is of no more use
  };
  struct Fed {
    Event event = Event::kMore;
    size_t consumed = 0;
  };

  // Forgets the last answer.
  void Start(const ResponseContext& context);

  // After kHead, Feed must be called again even without bytes: a message without a body ends then.
  // REQUIRES: after kEnd, Start() was called; after kError, nothing is fed. `sink` may be null: the
  // body is checked and dropped.
  [[nodiscard]] Fed Feed(std::string_view bytes, BodySink* sink);
  // The server has ended the connection: kEnd if the message is complete by that, else kError.
  [[nodiscard]] Event End();

  // Whole after kHead and kInterim.
  [[nodiscard]] const ResponseHead& head() const { return head_; }
  // After kEnd: the trailers that may be passed on, as whole lines "Name: value\r\n"; usually
  // empty. What frames, routes, authorises or describes the message is not among them (RFC
  // 9110 6.5.1).
  [[nodiscard]] std::string_view trailers() const { return trailers_; }
  // kInvalid: not HTTP; kLimit: over a limit; kClosed: cut off. The text never quotes the server.
  [[nodiscard]] const Error& error() const { return error_; }
  // Whether a byte of this answer has been consumed: if not, the request may be sent again.
  [[nodiscard]] bool started() const {
    return phase_ != Phase::kHead || interim_ > 0 || !head_.fields_.bytes().empty();
  }

 private:
  enum class Phase : uint8_t { kHead, kInterim, kBody, kTrailers, kEnd, kFailed };

  void Forget();
  Fed FeedHead(std::string_view bytes);
  // Takes a head if all of it is there and nothing is wrong with it; else nothing has happened.
  [[nodiscard]] bool TakeWholeHead(std::string_view bytes);
  Fed FeedBody(std::string_view bytes, BodySink* sink);
  Fed FeedTrailers(std::string_view bytes);
  // A whole head was read.
  Event EndHead();
  [[nodiscard]] bool ReadHead();
  [[nodiscard]] bool ReadStatusLine(std::string_view line);
  [[nodiscard]] bool ReadField(std::string_view line);
  [[nodiscard]] bool ReadFraming();
  bool Refuse(Errc code, std::string message);

  const ResponseLimits& limits_;
  std::unique_ptr<LlhttpMachine> machine_;
  ResponseHead head_;
  Error error_;
  std::string trailers_;  // as they come, until they are complete
  uint64_t body_bytes_ = 0;
  uint64_t framing_bytes_ = 0;  // of the body: what was not handed out
  uint32_t interim_ = 0;
  Phase phase_ = Phase::kHead;
  ResponseContext context_;
};

}  // namespace sluice::http
