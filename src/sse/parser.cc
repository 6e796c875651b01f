#include "sluice/sse/parser.h"

#include <algorithm>

#include <fmt/format.h>

#include "sluice/base/utf8.h"

namespace sluice::sse {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

size_t FindLineEnd(std::string_view bytes) {
  const auto at =
      std::find_if(bytes.begin(), bytes.end(), [](char c) { return c == '\n' || c == '\r'; });
  return static_cast<size_t>(at - bytes.begin());
}

}  // namespace

Result<> Parser::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (after_cr_ && bytes.front() == '\n') bytes.remove_prefix(1);
    after_cr_ = false;
    const size_t end = FindLineEnd(bytes);
    const std::string_view part = bytes.substr(0, end);
    if (line_.size() + part.size() > limit_) return TooLong();
    if (end == bytes.size()) {
      line_ += part;
      break;
    }
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    if (line_.empty()) {
      if (auto taken = TakeLine(part); !taken) return taken;
      continue;
    }
    line_ += part;
    auto taken = TakeLine(line_);
    line_.clear();
    if (!taken) return taken;
  }
  return {};
}

void Parser::Restart() {
  line_.clear();
  data_.clear();
  type_.clear();
  // The standard starts with an empty buffer, and the first event without an id would then make the
  // client forget where it was. Browsers keep it, as here.
  id_buffer_ = last_event_id_;
  after_cr_ = false;
  first_line_ = true;
}

Result<> Parser::TakeLine(std::string_view line) {
  if (first_line_ && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  first_line_ = false;
  if (line.empty()) {
    Dispatch();
    return {};
  }
  // CR and LF are part of no multi-byte sequence, so lines can be decoded one by one.
  if (!IsValidUtf8(line)) {
    decoded_.clear();
    AppendUtf8(decoded_, line);
    line = decoded_;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return TakeField(line, {});
  std::string_view value = line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (colon == 0) {
    handler_.OnComment(value);
    return {};
  }
  return TakeField(line.substr(0, colon), value);
}

Result<> Parser::TakeField(std::string_view name, std::string_view value) {
  if (name == "data") {
    if (data_.size() + type_.size() + value.size() + 1 > limit_) return TooLong();
    data_ += value;
    data_ += '\n';
  } else if (name == "event") {
    if (data_.size() + value.size() > limit_) return TooLong();
    type_ = value;
  } else if (name == "id") {
    if (value.find('\0') == std::string_view::npos) id_buffer_ = value;
  } else if (name == "retry") {
    TakeRetry(value);
  }
  return {};
}

void Parser::TakeRetry(std::string_view digits) {
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), IsDigit)) return;
  uint32_t value = 0;
  for (const char digit : digits) {
    value = std::min(value * 10 + static_cast<uint32_t>(digit - '0'), kMaxRetryMs);
  }
  handler_.OnRetry(value);
}

void Parser::Dispatch() {
  last_event_id_ = id_buffer_;
  // One `data` line puts at least a LF there, so an event whose data is "" is one.
  if (!data_.empty()) {
    const std::string_view type = type_.empty() ? std::string_view("message") : type_;
    handler_.OnEvent({.type = type,
                      .data = std::string_view(data_).substr(0, data_.size() - 1),
                      .last_event_id = last_event_id_});
  }
  data_.clear();
  type_.clear();
}

tl::unexpected<Error> Parser::TooLong() const {
  return Fail(Errc::kLimit, fmt::format("an event of the stream is longer than {} bytes", limit_));
}

}  // namespace sluice::sse
