// llhttp, the grammar of HTTP/1 messages: the one place that knows it. It says how far the bytes
// are a message and where the body lies; what the header fields mean is for head_reader.h and
// response_parser.cc to say. Loop-thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace sluice::http {

enum class LlhttpFault : uint8_t {
  kNone,
  kMethod,   // not a method that it knows
  kRefused,  // a method that it knows and we do not serve
  kVersion,  // the protocol's name or version
  kStopped,  // the body's taker said so
  kSyntax,   // anything else
};

class LlhttpMachine {
 public:
  struct Ran {
    size_t consumed = 0;  // up to the offending byte, if there is a fault
    LlhttpFault fault = LlhttpFault::kNone;
  };

  // Takes spans of the body. False stops.
  class BodyTaker {
   public:
    virtual ~BodyTaker() = default;
    virtual bool TakeBody(std::string_view bytes) = 0;
  };

  enum class Kind : uint8_t { kRequest, kResponse };
  [[nodiscard]] static std::unique_ptr<LlhttpMachine> Make(Kind kind);
  virtual ~LlhttpMachine() = default;

  // Forgets everything: the next byte is the first of a message.
  virtual void Reset() = 0;
  // The response that follows has no body, whatever its fields say: it answers HEAD.
  virtual void ExpectNoBody() = 0;
  // Runs over `bytes`, up to the end of the message at most, and of the last chunk: what follows it
  // is the trailer section. `taker` may be null while in the head and in that section.
  [[nodiscard]] virtual Ran Run(std::string_view bytes, BodyTaker* taker) = 0;

  // Runs over a head that others have found to be all of one. False: llhttp sees anything else in
  // it.
  [[nodiscard]] bool RunHead(std::string_view head) {
    const Ran ran = Run(head, nullptr);
    return ran.fault == LlhttpFault::kNone && ran.consumed == head.size() && head_complete() &&
           !body_begun();
  }

  [[nodiscard]] virtual bool head_complete() const = 0;
  // A byte behind the head was taken, for a body or the framing of one.
  [[nodiscard]] virtual bool body_begun() const = 0;
  [[nodiscard]] virtual bool message_complete() const = 0;
  [[nodiscard]] virtual bool in_trailers() const = 0;
  // After head_complete: how the body is framed.
  [[nodiscard]] virtual bool chunked() const = 0;
  [[nodiscard]] virtual uint64_t content_length() const = 0;
  // Responses: the status, and whether the body lasts until the connection ends.
  [[nodiscard]] virtual int status() const = 0;
  [[nodiscard]] virtual bool until_close() const = 0;
  // What llhttp says of the last fault.
  [[nodiscard]] virtual const char* reason() const = 0;

 protected:
  LlhttpMachine() = default;
};

}  // namespace sluice::http
