#include "http/target.h"

#include <algorithm>
#include <array>

#include <arpa/inet.h>

#include "http/text.h"
#include "sluice/http/request.h"

namespace sluice::http {
namespace {

constexpr std::string_view kRoot = "/";

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// What may stand in a reg-name, without what has two readings: percent escapes, which one server
// decodes and another does not, and the comma, which two Host lines would have become.
constexpr std::array<bool, 256> kNameBytes = [] {
  std::array<bool, 256> allowed{};
  for (size_t i = 0; i < allowed.size(); ++i) allowed[i] = IsAlphanumeric(static_cast<char>(i));
  for (const char c : std::string_view("-._~!$&'()*+;="))
    allowed[static_cast<unsigned char>(c)] = true;
  return allowed;
}();

// reg-name of RFC 3986 3.2.2, which an IPv4 address also is. It may end in a dot, but no label is
// empty.
bool IsRegisteredName(std::string_view host) {
  char last = '.';
  for (const char c : host) {
    if (!kNameBytes[static_cast<unsigned char>(c)] || (c == '.' && last == '.')) return false;
    last = c;
  }
  return !host.empty();
}

// The inside of "[...]": IPv6 only; IPvFuture has no future.
bool IsIpv6(std::string_view text) {
  char terminated[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof terminated || text.find('\0') != std::string_view::npos) return false;
  terminated[text.copy(terminated, text.size())] = '\0';
  in6_addr address{};
  return inet_pton(AF_INET6, terminated, &address) == 1;
}

bool IsPort(std::string_view text) {
  if (text.size() > 5 || !std::all_of(text.begin(), text.end(), IsDigit)) return false;
  int port = 0;
  for (const char c : text) port = port * 10 + (c - '0');
  return port <= 65535;
}

}  // namespace

bool IsValidAuthority(std::string_view text) {
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t bracket = text.find(']');
    if (bracket == std::string_view::npos || !IsIpv6(text.substr(1, bracket - 1))) return false;
    port = text.substr(bracket + 1);
  } else {
    host = text.substr(0, text.find(':'));
    if (!IsRegisteredName(host)) return false;
    port = text.substr(host.size());
  }
  return port.empty() || (port.front() == ':' && IsPort(port.substr(1)));
}

Result<Target> SplitTarget(std::string_view raw, bool options) {
  Target target;
  if (raw == "*") {
    if (!options) return Fail(Errc::kInvalid, "request target: \"*\" is for OPTIONS only");
    target.asterisk = true;
    target.path = kRoot;
    return target;
  }
  // llhttp checks the characters, but lets a fragment pass.
  if (raw.find('#') != std::string_view::npos) {
    return Fail(Errc::kInvalid, "request target: it must not have a fragment (\"#\")");
  }
  std::string_view rest = raw;
  if (!raw.starts_with('/')) {
    const size_t colon = raw.find("://");
    const std::string_view scheme = raw.substr(0, colon);
    if (colon == std::string_view::npos ||
        !(EqualsIgnoreCase(scheme, "http") || EqualsIgnoreCase(scheme, "https"))) {
      return Fail(Errc::kInvalid, "request target: it is neither a path nor an http URL");
    }
    rest = raw.substr(colon + 3);
    target.authority = rest.substr(0, rest.find_first_of("/?"));
    if (!IsValidAuthority(target.authority)) {
      return Fail(Errc::kInvalid, "request target: its host is not valid");
    }
    rest.remove_prefix(target.authority.size());
  }
  const size_t question = rest.find('?');
  target.path = rest.substr(0, question);
  if (question != std::string_view::npos) target.query = rest.substr(question + 1);
  if (target.path.empty()) {
    target.path = kRoot;
    // What a proxy would have turned into "*" (RFC 9112 3.2.4).
    target.asterisk = options && question == std::string_view::npos;
  } else if (!target.path.starts_with('/')) {
    return Fail(Errc::kInvalid, "request target: its path does not start with \"/\"");
  }
  return target;
}

}  // namespace sluice::http
