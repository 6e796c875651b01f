// What an EventSource makes of a byte stream, written line by line from WHATWG HTML 9.2.5 and 9.2.6
// and from the UTF-8 decoder of WHATWG Encoding 8.1.1, and from nothing of ours: the judge of our
// encoder. Feed takes the stream in pieces of any size. Header only, so that fuzz targets can use
// it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::testing {

// WHATWG Encoding 8.1.1, without the byte order mark: each error gives one U+FFFD, and the byte at
// which it was noticed is looked at again.
inline std::string DecodeUtf8(std::string_view bytes) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::string out;
  std::string sequence;  // bytes of the character that is being read
  size_t needed = 0;     // how many more it has
  uint8_t lower = 0x80;
  uint8_t upper = 0xBF;
  for (size_t i = 0; i < bytes.size();) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    if (needed == 0) {
      ++i;
      if (byte <= 0x7F) {
        out += static_cast<char>(byte);
      } else if (byte >= 0xC2 && byte <= 0xF4) {
        needed = byte <= 0xDF ? 1 : byte <= 0xEF ? 2 : 3;
        if (byte == 0xE0) lower = 0xA0;
        if (byte == 0xED) upper = 0x9F;
        if (byte == 0xF0) lower = 0x90;
        if (byte == 0xF4) upper = 0x8F;
        sequence = static_cast<char>(byte);
      } else {
        out += kReplacement;
      }
      continue;
    }
    const bool in_range = byte >= lower && byte <= upper;
    lower = 0x80;
    upper = 0xBF;
    if (!in_range) {
      needed = 0;
      out += kReplacement;
      continue;
    }
    ++i;
    sequence += static_cast<char>(byte);
    if (--needed == 0) out += sequence;
  }
  if (needed > 0) out += kReplacement;
  return out;
}

// What a client sees of a text that was sent as data: each line end is LF.
inline std::string NormalizeLineEnds(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r') {
      out += '\n';
      if (i + 1 < text.size() && text[i + 1] == '\n') ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

struct SseEvent {
  std::string type;
  std::string data;
  std::string last_event_id;
  bool operator==(const SseEvent&) const = default;
};

class SseDecoder {
 public:
  void Feed(std::string_view bytes) {
    for (const char byte : bytes) {
      if (byte == '\n' && after_cr_) {
        after_cr_ = false;
        continue;
      }
      after_cr_ = byte == '\r';
      if (byte != '\r' && byte != '\n') {
        line_ += byte;
        continue;
      }
      if (first_line_ && line_.starts_with("\xEF\xBB\xBF")) line_.erase(0, 3);
      first_line_ = false;
      // CR and LF are in no multi-byte sequence, so lines can be decoded one by one.
      ProcessLine(DecodeUtf8(std::exchange(line_, {})));
    }
  }

  // Events so far, and comments, in order. What is not ended by an empty line is no event.
  [[nodiscard]] const std::vector<SseEvent>& events() const { return events_; }
  [[nodiscard]] const std::vector<std::string>& comments() const { return comments_; }
  [[nodiscard]] std::vector<SseEvent> TakeEvents() { return std::exchange(events_, {}); }
  // What the client would send as Last-Event-ID.
  [[nodiscard]] const std::string& last_event_id() const { return last_event_id_; }
  [[nodiscard]] std::optional<uint64_t> retry_ms() const { return retry_ms_; }
  // Fields that a client ignores: a server that sends one has a bug.
  [[nodiscard]] const std::vector<std::string>& unknown_fields() const { return unknown_fields_; }
  // The stream stops between two events: no line or event is half read.
  [[nodiscard]] bool at_boundary() const {
    return line_.empty() && data_.empty() && type_.empty() && !in_block_;
  }

 private:
  void ProcessLine(const std::string& line) {
    in_block_ = !line.empty();
    if (line.empty()) return Dispatch();
    const size_t colon = line.find(':');
    if (colon == 0) {
      comments_.push_back(line.substr(line.starts_with(": ") ? 2 : 1));
      return;
    }
    if (colon == std::string::npos) return ProcessField(line, "");
    std::string value = line.substr(colon + 1);
    if (value.starts_with(' ')) value.erase(0, 1);
    ProcessField(line.substr(0, colon), value);
  }

  void ProcessField(const std::string& name, const std::string& value) {
    if (name == "event") {
      type_ = value;
    } else if (name == "data") {
      data_ += value;
      data_ += '\n';
    } else if (name == "id") {
      if (value.find('\0') == std::string::npos) id_buffer_ = value;
    } else if (name == "retry") {
      const bool digits = !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
        return c >= '0' && c <= '9';
      });
      const std::string significant =
          value.substr(std::min(value.find_first_not_of('0'), value.size()));
      if (digits) {
        retry_ms_ = significant.empty()       ? 0
                    : significant.size() < 19 ? std::stoull(significant)
                                              : UINT64_MAX;
      }
    } else {
      unknown_fields_.push_back(name);
    }
  }

  void Dispatch() {
    last_event_id_ = id_buffer_;
    std::string type = std::exchange(type_, {});
    std::string data = std::exchange(data_, {});
    // The buffer, not the value: one `data` line puts at least a LF into it, so an event whose
    // data is the empty string is dispatched.
    if (data.empty()) return;
    data.pop_back();
    events_.push_back({type.empty() ? "message" : std::move(type), std::move(data), id_buffer_});
  }

  std::string line_;
  bool first_line_ = true;
  bool after_cr_ = false;
  bool in_block_ = false;
  std::string type_;
  std::string data_;
  std::string id_buffer_;
  std::string last_event_id_;
  std::optional<uint64_t> retry_ms_;
  std::vector<SseEvent> events_;
  std::vector<std::string> comments_;
  std::vector<std::string> unknown_fields_;
};

}  // namespace sluice::testing
