// Percent-decoding and query strings. Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::http {

// The value of a hex digit, or -1.
[[nodiscard]] constexpr int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Decodes one name or value as application/x-www-form-urlencoded (WHATWG URL 5.1): "%41" is 'A',
// '+' a space, and a broken escape stands for itself.
[[nodiscard]] std::string DecodeQuery(std::string_view raw);

// `text` for a query, or for a segment of a path: everything but RFC 3986's unreserved characters
// as %XX.
[[nodiscard]] std::string EncodeQuery(std::string_view text);

// Walks the name=value pairs of a raw query ("a=1&b=&c"), decoding each once:
//   QueryReader reader(raw);
//   while (reader.Next()) use(reader.name(), reader.value());
// Empty pairs ("&&") are skipped.
class QueryReader {
 public:
  explicit QueryReader(std::string_view raw) : rest_(raw) {}

  [[nodiscard]] bool Next();
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& value() const { return value_; }

 private:
  std::string_view rest_;
  std::string name_;
  std::string value_;
};

// The decoded value of the first parameter of that name.
[[nodiscard]] std::optional<std::string> FindQuery(std::string_view raw, std::string_view name);

}  // namespace sluice::http
