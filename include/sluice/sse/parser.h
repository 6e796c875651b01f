// Reads an event stream as an EventSource does: WHATWG HTML 9.2.5 "Parsing an event stream" and
// 9.2.6 "Interpreting an event stream". Bytes in, in pieces of any size; events out as soon as
// their empty line has come. One thread.
//
// Ill-formed UTF-8 becomes U+FFFD, and one byte order mark at the start is dropped. What no empty
// line has ended is no event. Memory is bounded: an event of more than the limit ends the parsing,
// or is passed over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/base/result.h"

namespace sluice::sse {

// Views are valid during the call.
struct ReceivedEvent {
  std::string_view type;  // "message" if the stream named none
  std::string_view data;  // lines joined by LF
  std::string_view last_event_id;
};

// Gets what a Parser finds. It must not call the parser.
class ParserHandler {
 public:
  virtual ~ParserHandler() = default;
  virtual void OnEvent(const ReceivedEvent& event) = 0;
  // How long to wait before a reconnect, in milliseconds; capped at kMaxRetryMs.
  virtual void OnRetry(uint32_t retry_ms) = 0;
  virtual void OnComment(std::string_view text) = 0;
  // Oversized::kSkip: an event was passed over that had at least so many bytes.
  virtual void OnOversized(uint64_t /*size*/) {}
};

inline constexpr uint32_t kMaxRetryMs = 3'600'000;
inline constexpr size_t kDefaultEventLimit = size_t{16} * 1024 * 1024;

// What becomes of an event that is over the limit. Its id counts in any case.
enum class Oversized : uint8_t { kFail, kSkip };

class Parser {
 public:
  // `event_limit`: bytes of a line, and of the data and the name of an event together.
  explicit Parser(ParserHandler& handler, size_t event_limit = kDefaultEventLimit,
                  Oversized oversized = Oversized::kFail)
      : handler_(handler), limit_(event_limit), oversized_(oversized) {}

  // Fails (kLimit) when an event is over the limit and not to be skipped; then only Restart is
  // allowed.
  [[nodiscard]] Result<> Feed(std::string_view bytes);

  // The next byte is the first of a new connection's stream: what was unfinished is forgotten, the
  // last event id is kept.
  void Restart();

  // What a client sends as Last-Event-ID when it reconnects; empty: nothing. Valid UTF-8.
  [[nodiscard]] const std::string& last_event_id() const { return last_event_id_; }
  // For a client that goes on where another one stopped.
  void set_last_event_id(std::string_view id) { id_buffer_ = last_event_id_ = id; }

 private:
  [[nodiscard]] Result<> TakeLine(std::string_view line);
  [[nodiscard]] Result<> TakeField(std::string_view name, std::string_view value);
  void TakeRetry(std::string_view digits);
  void Dispatch();
  // The event has at least `size` bytes, which is too many.
  [[nodiscard]] Result<> TooLong(uint64_t size);
  // A line is too long, of which `part` is what has come.
  [[nodiscard]] Result<> LineTooLong(std::string_view part);

  ParserHandler& handler_;
  size_t limit_;
  Oversized oversized_;
  std::string line_;  // the part of a line that came in earlier pieces
  std::string data_;  // each line with its LF
  std::string type_;
  std::string id_buffer_;
  std::string last_event_id_;
  std::string decoded_;    // scratch
  bool after_cr_ = false;  // a LF that comes next belongs to the CR
  bool first_line_ = true;
  bool skips_line_ = false;  // up to its end
  uint64_t skipped_ = 0;     // bytes of an event that is passed over; 0: it is not
};

}  // namespace sluice::sse
