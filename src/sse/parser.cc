#include "sluice/sse/parser.h"

#include <algorithm>
#include <utility>

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
    if (!skips_line_ && line_.size() + part.size() > limit_) {
      if (auto over = LineTooLong(part); !over) return over;
    }
    if (skips_line_ && skipped_ > 0) skipped_ += part.size();
    if (end == bytes.size()) {
      if (!skips_line_) line_ += part;
      break;
    }
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    if (std::exchange(skips_line_, false)) continue;
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
  skips_line_ = false;
  skipped_ = 0;
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
    const uint64_t size = data_.size() + type_.size() + value.size() + 1;
    if (skipped_ > 0 || size > limit_) return TooLong(size);
    data_ += value;
    data_ += '\n';
  } else if (name == "event") {
    const uint64_t size = data_.size() + value.size();
    if (skipped_ > 0 || size > limit_) return TooLong(size);
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
  if (const uint64_t size = std::exchange(skipped_, 0); size > 0) handler_.OnOversized(size);
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

Result<> Parser::TooLong(uint64_t size) {
  if (oversized_ == Oversized::kFail) {
    return Fail(Errc::kLimit,
                fmt::format("an event of the stream is longer than {} bytes", limit_));
  }
  skipped_ += std::max<uint64_t>(size, 1);
  data_.clear();
  type_.clear();
  return {};
}

Result<> Parser::LineTooLong(std::string_view part) {
  const char first = line_.empty() ? part.front() : line_.front();
  // A comment is no part of an event.
  if (oversized_ == Oversized::kFail || first != ':') {
    if (auto over = TooLong(data_.size() + type_.size() + line_.size()); !over) return over;
  }
  skips_line_ = true;
  first_line_ = false;
  line_.clear();
  return {};
}

}  // namespace sluice::sse
