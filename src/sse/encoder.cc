#include "sluice/sse/encoder.h"

#include <algorithm>
#include <charconv>

#include "sluice/base/utf8.h"

namespace sluice::sse {
namespace {

using namespace std::string_view_literals;

bool IsIdChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == ':' || c == '-';
}

// Appends `prefix line LF` for each line of `text`. A text of n line ends has n + 1 lines.
void AppendLines(std::string& out, std::string_view prefix, std::string_view text) {
  out.reserve(out.size() + prefix.size() + text.size() + 2);
  // Where the next CR and LF are. Each is searched for only when it was passed, so a text with only
  // one kind of line end is read once for it.
  size_t cr = text.find('\r');
  size_t lf = text.find('\n');
  size_t start = 0;
  while (true) {
    const size_t end = std::min({cr, lf, text.size()});
    out += prefix;
    AppendUtf8(out, text.substr(start, end - start));
    out += '\n';
    if (end == text.size()) return;
    start = end + 1;
    if (end == cr && lf == start) ++start;  // CRLF
    if (cr < start) cr = text.find('\r', start);
    if (lf < start) lf = text.find('\n', start);
  }
}

void AppendRetryLine(std::string& out, uint32_t retry_ms) {
  char digits[10];
  const auto end = std::to_chars(digits, digits + sizeof digits, retry_ms);
  out += "retry: ";
  out.append(digits, end.ptr);
  out += '\n';
}

}  // namespace

bool IsValidId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxIdBytes && std::all_of(id.begin(), id.end(), IsIdChar);
}

bool IsValidEventName(std::string_view name) {
  return name.size() <= kMaxEventNameBytes &&
         name.find_first_of("\r\n\0"sv) == std::string_view::npos && IsValidUtf8(name);
}

Result<> AppendEvent(std::string& out, const Event& event) {
  if (event.name.size() > kMaxEventNameBytes) {
    return Fail(Errc::kLimit, "event name is longer than 256 bytes");
  }
  if (!IsValidEventName(event.name)) {
    return Fail(Errc::kInvalid, "event name must be UTF-8 without CR, LF and NUL");
  }
  if (!event.name.empty()) {
    out += "event: ";
    out += event.name;
    out += '\n';
  }
  AppendLines(out, "data: ", event.data);
  if (event.retry_ms) AppendRetryLine(out, *event.retry_ms);
  out += '\n';
  return {};
}

void AppendComment(std::string& out, std::string_view text) {
  AppendLines(out, ": ", text);
  out += '\n';
}

void AppendRetry(std::string& out, uint32_t retry_ms) {
  AppendRetryLine(out, retry_ms);
  out += '\n';
}

void AppendPreamble(std::string& out, uint32_t retry_ms) {
  AppendRetryLine(out, retry_ms);
  AppendComment(out, "ok");
}

}  // namespace sluice::sse
