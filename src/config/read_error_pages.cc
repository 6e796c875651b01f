#include "config/read_error_pages.h"

#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "config/read_document.h"
#include "sluice/base/utf8.h"

namespace sluice::config {
namespace {

constexpr size_t kMaxPageBytes = size_t{64} * 1024;  // it is held in memory

std::optional<int> ParseErrorStatus(std::string_view text) {
  int status = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, status);
  const bool ok = text.size() == 3 && parsed.ec == std::errc() && parsed.ptr == end;
  return ok && status >= 400 && status <= 599 ? std::optional(status) : std::nullopt;
}

// By what it begins with, so that a page says it itself.
std::string_view ContentTypeOf(std::string_view body) {
  const size_t start = body.find_first_not_of(" \t\r\n");
  switch (start == std::string_view::npos ? '\0' : body[start]) {
    case '<':
      return "text/html; charset=utf-8";
    case '{':
    case '[':
      return "application/json";
    default:
      return "text/plain; charset=utf-8";
  }
}

std::optional<std::string> ReadPage(Reader& reader, const Value& value) {
  std::optional<std::string> body = reader.Block(value);
  if (body && body->starts_with(kFilePrefix)) {
    body = ReadBeside(reader, value, std::string_view(*body).substr(kFilePrefix.size()));
  }
  if (!body) return std::nullopt;
  if (body->size() > kMaxPageBytes) {
    reader.Fail(value, fmt::format("has {} bytes; {} is the most", body->size(), kMaxPageBytes));
    return std::nullopt;
  }
  if (!IsValidUtf8(*body)) {
    reader.Fail(value, "is not UTF-8");
    return std::nullopt;
  }
  return body;
}

}  // namespace

void ReadErrorPages(Section& route, std::vector<ErrorPage>& out) {
  const Value* value = route.Find("error_pages");
  if (value == nullptr) return;
  Reader& reader = route.reader();
  reader.Names(*value, [&](const std::string& key, const Value& item) {
    const std::optional<int> status = ParseErrorStatus(key);
    if (!status) {
      return reader.FailAtKey(item, fmt::format("{} is not a status from 400 to 599", Quote(key)));
    }
    std::optional<std::string> body = ReadPage(reader, item);
    if (!body) return;
    const std::string type(ContentTypeOf(*body));
    out.push_back({*status, std::move(*body), type});
  });
}

}  // namespace sluice::config
