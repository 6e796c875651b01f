// Cuts responses out of a server's bytes, however they are torn, and refuses what two readers could
// read in two ways (RFC 9112). The client's side of request_parser.h, and built likewise: llhttp
// decides the grammar. Loop-thread only.
//
//   parser.Start(false);                         // before each answer; true if it answers HEAD
//   Fed fed = parser.Feed(bytes, &sink);         // kHead: head() is there; the body is untouched
//   fed = parser.Feed(rest, &sink);              // body to the sink; kEnd: the message is complete
//   event = parser.End();                        // when the server has ended the connection
//
// Interim answers (1xx) are skipped; 101 is refused, since no upgrade was asked for. Nothing after
// the end of a head or of a message is consumed in the same call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "sluice/base/result.h"
#include "sluice/http/request_parser.h"
#include "sluice/http/response_head.h"

namespace sluice::http {

struct ResponseLimits {
  uint32_t head_bytes = 64 * 1024;  // of one head, interim ones too
  uint32_t headers = 200;
};

class ResponseParser {
 public:
  // `limits` must outlive the parser. It is ready for an answer to something other than HEAD.
  explicit ResponseParser(const ResponseLimits& limits);
  ~ResponseParser();
  ResponseParser(const ResponseParser&) = delete;
  ResponseParser& operator=(const ResponseParser&) = delete;

  enum class Event : uint8_t {
    kMore,   // all was consumed, and more is needed
    kHead,   // the head is complete: head() holds
    kEnd,    // the message is complete
    kError,  // error() says why; the connection is of no more use
  };
  struct Fed {
    Event event = Event::kMore;
    size_t consumed = 0;
  };

  // Forgets the last answer.
  void Start(bool answers_head);

  // After kHead, Feed must be called again even without bytes: a message without a body ends then.
  // REQUIRES: after kEnd, Start() was called; after kError, nothing is fed. `sink` may be null: the
  // body is checked and dropped.
  [[nodiscard]] Fed Feed(std::string_view bytes, BodySink* sink);
  // The server has ended the connection: kEnd if the message is complete by that, else kError.
  [[nodiscard]] Event End();

  // Whole after kHead.
  [[nodiscard]] const ResponseHead& head() const { return head_; }
  // kInvalid: not HTTP; kLimit: over a limit; kClosed: cut off. The text never quotes the server.
  [[nodiscard]] const Error& error() const { return error_; }
  // Whether a byte of this answer has been consumed: if not, the request may be sent again.
  [[nodiscard]] bool started() const {
    return phase_ != Phase::kHead || interim_ > 0 || !head_.bytes_.empty();
  }

 private:
  enum class Phase : uint8_t { kHead, kBody, kEnd, kFailed };

  void Forget();
  Fed FeedHead(std::string_view bytes);
  Fed FeedBody(std::string_view bytes, BodySink* sink);
  [[nodiscard]] bool ReadHead();
  [[nodiscard]] bool ReadStatusLine(std::string_view line);
  [[nodiscard]] bool ReadField(std::string_view line);
  [[nodiscard]] bool ReadFraming();
  [[nodiscard]] ResponseHead::Slice SliceOf(std::string_view view) const;
  bool Refuse(Errc code, std::string message);

  const ResponseLimits& limits_;
  std::unique_ptr<LlhttpMachine> machine_;
  ResponseHead head_;
  Error error_;
  uint32_t interim_ = 0;
  Phase phase_ = Phase::kHead;
  bool answers_head_ = false;
};

}  // namespace sluice::http
