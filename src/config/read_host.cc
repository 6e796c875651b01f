#include "config/read_host.h"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace sluice::config {
namespace {

constexpr size_t kMaxHostBytes = 253;  // of a name (RFC 1035 2.3.4)
constexpr std::string_view kAnySubdomain = "*.";

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool IsLabelByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

// Labels that are not empty, joined by dots.
bool IsName(std::string_view text) {
  if (text.empty() || text.size() > kMaxHostBytes) return false;
  bool in_label = false;
  for (const char c : text) {
    if (c == '.' ? !in_label : !IsLabelByte(c)) return false;
    in_label = c != '.';
  }
  return in_label;
}

bool IsHost(std::string_view text) {
  if (!text.starts_with('[')) return IsName(text);
  return text.ends_with(']') && text.find(':') != std::string_view::npos &&
         !CanonicalAddress(std::string(text.substr(1, text.size() - 2))).empty();
}

bool IsPort(std::string_view text) {
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, port);
  return parsed.ec == std::errc() && parsed.ptr == end && port != 0;
}

}  // namespace

std::string CanonicalAddress(const std::string& host) {
  char text[INET6_ADDRSTRLEN] = "";
  in6_addr address{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, host.c_str(), &address) == 1) {
      return inet_ntop(family, &address, text, sizeof text) == nullptr ? "" : text;
    }
  }
  return "";
}

void ReadAuthority(Section& section, std::string_view key, std::string& out) {
  const Value* value = section.Text(key, out);
  if (value == nullptr || out.empty()) return;
  const std::string_view text = out;
  const size_t colon = text.rfind(':');
  const bool has_port = colon != std::string_view::npos && !text.ends_with(']');
  if (IsHost(text.substr(0, has_port ? colon : text.size())) &&
      (!has_port || IsPort(text.substr(colon + 1)))) {
    return;
  }
  section.reader().FailQuoting(
      *value, "is not HOST or HOST:PORT, such as app.example, 127.0.0.1:3000 or [::1]");
}

void ReadHostName(Section& section, std::string_view key, std::string& out) {
  const Value* value = section.Text(key, out);
  if (value == nullptr || out.empty() || IsName(out)) return;
  section.reader().FailQuoting(*value, "is not the name of a host, such as app.example");
}

std::optional<std::string> ReadHostPattern(Reader& reader, const Value& value) {
  std::optional<std::string> pattern = reader.Text(value);
  if (!pattern) return std::nullopt;
  std::string host = std::move(*pattern);
  if (host.ends_with('.')) host.pop_back();
  std::transform(host.begin(), host.end(), host.begin(), Lower);
  if (host.starts_with('[') && IsHost(host)) {
    return "[" + CanonicalAddress(host.substr(1, host.size() - 2)) + "]";
  }
  const size_t star = host.starts_with(kAnySubdomain) ? kAnySubdomain.size() : 0;
  if (IsName(std::string_view(host).substr(star))) return host;
  reader.FailQuoting(value,
                     "is not a host such as app.example, *.example or [::1]; it has no port, a * "
                     "stands for whole labels at its beginning, and other letters are written as "
                     "xn--...");
  return std::nullopt;
}

}  // namespace sluice::config
