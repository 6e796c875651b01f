// Reads one HTTP/1.1 response that carries server-sent events: the head, the chunks (RFC 9112 7.1)
// or the plain body, and as much of the event grammar (WHATWG HTML 9.2.6) as a load generator
// needs. A whole event inside one recv is handed out without a copy. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sluice::cli::bench {

// One event that had data; views are valid during the callback.
struct StreamEvent {
  std::string_view id;     // empty: the event had none
  std::string_view event;  // empty: "message"
  std::string_view data;   // the first data line
};

class StreamParser {
 public:
  enum class State : uint8_t { kHead, kOpen, kEnded, kBroken };

  // Takes the next bytes of the response; calls `on_event(const StreamEvent&)` for each whole
  // event. Once it answered kEnded or kBroken, or a status that is not 200, nothing more may be
  // fed.
  template <class OnEvent>
  State Feed(std::string_view bytes, OnEvent&& on_event) {
    if (state_ == State::kHead) {
      std::string rest;
      if (!TakeHead(bytes, rest)) return state_;
      return FeedBody(rest, on_event);
    }
    return FeedBody(bytes, on_event);
  }

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] int status() const { return status_; }  // 0 before the head is complete

 private:
  static constexpr size_t kMaxHead = size_t{64} * 1024;
  static constexpr size_t kMaxEvent = size_t{16} * 1024 * 1024;
  enum class Chunk : uint8_t { kNone, kSize, kExtension, kData, kDataEnd };

  // True when the head is complete; `rest` gets the body bytes that came with it.
  bool TakeHead(std::string_view bytes, std::string& rest);
  void ParseHead(std::string_view head);
  // Takes the next run of body bytes without chunk framing off `bytes`; empty when there is none.
  std::string_view NextBody(std::string_view& bytes);
  bool TakeChunkSize(std::string_view& bytes);
  // Takes one line off `text`, without its end; false if no line end is there.
  static bool TakeLine(std::string_view& text, std::string_view& line);
  static void TakeField(std::string_view line, StreamEvent& event, bool& has_data);

  template <class OnEvent>
  State FeedBody(std::string_view bytes, OnEvent& on_event) {
    while (!bytes.empty() && state_ == State::kOpen) {
      const std::string_view body = NextBody(bytes);
      if (body.empty()) continue;
      if (pending_.empty()) {
        pending_.assign(TakeEvents(body, on_event));
      } else {
        pending_.append(body);
        pending_.erase(0, pending_.size() - TakeEvents(pending_, on_event).size());
      }
      if (pending_.size() > kMaxEvent) state_ = State::kBroken;
    }
    return state_;
  }

  // Hands out the whole events in `text`; returns the incomplete one at its end.
  template <class OnEvent>
  static std::string_view TakeEvents(std::string_view text, OnEvent& on_event) {
    std::string_view incomplete = text;
    StreamEvent event;
    bool has_data = false;
    std::string_view line;
    while (TakeLine(text, line)) {
      if (!line.empty()) {
        TakeField(line, event, has_data);
        continue;
      }
      if (has_data) on_event(static_cast<const StreamEvent&>(event));
      event = {};
      has_data = false;
      incomplete = text;
    }
    return incomplete;
  }

  std::string pending_;  // the head so far, then the incomplete event
  uint64_t chunk_left_ = 0;
  int status_ = 0;
  State state_ = State::kHead;
  Chunk chunk_ = Chunk::kNone;
};

inline bool StreamParser::TakeLine(std::string_view& text, std::string_view& line) {
  if (text.empty()) return false;
  const void* found = std::memchr(text.data(), '\n', text.size());
  if (found == nullptr) return false;
  const auto length = static_cast<size_t>(static_cast<const char*>(found) - text.data());
  line = text.substr(0, length);
  text.remove_prefix(length + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return true;
}

inline void StreamParser::TakeField(std::string_view line, StreamEvent& event, bool& has_data) {
  const auto value = [line](std::string_view name) {
    std::string_view rest = line.substr(name.size());
    if (rest.starts_with(' ')) rest.remove_prefix(1);
    return rest;
  };
  constexpr std::string_view kData = "data:";
  constexpr std::string_view kId = "id:";
  constexpr std::string_view kEvent = "event:";
  if (line.starts_with(kData)) {
    if (!has_data) event.data = value(kData);
    has_data = true;
  } else if (line.starts_with(kId)) {
    event.id = value(kId);
  } else if (line.starts_with(kEvent)) {
    event.event = value(kEvent);
  }
}

}  // namespace sluice::cli::bench
