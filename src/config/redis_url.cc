#include "config/redis_url.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "config/quantity.h"
#include "sluice/net/address.h"

namespace sluice::config {
namespace {

constexpr std::string_view kTcpScheme = "redis://";
constexpr std::string_view kUnixScheme = "unix://";
constexpr uint64_t kMaxDatabase = 65'535;

using Failure = tl::unexpected<std::string>;

bool ConsumePrefix(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = digit(text[i + 1]);
    const int low = digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

// "[user]:password"
tl::expected<void, std::string> ParseLogin(std::string_view login, Redis& redis) {
  const size_t colon = login.find(':');
  if (colon == std::string_view::npos) {
    return Failure("has a user without a password; a password alone is written :PASSWORD@");
  }
  std::optional<std::string> user = PercentDecode(login.substr(0, colon));
  std::optional<std::string> password = PercentDecode(login.substr(colon + 1));
  if (!user || !password) return Failure("has a % in the user or password that is not %XX");
  if (!user->empty() && password->empty()) return Failure("has a user with an empty password");
  redis.user = std::move(*user);
  redis.password = std::move(*password);
  return {};
}

tl::expected<net::Endpoint, std::string> ParseHost(std::string_view text) {
  std::string address(text);
  const size_t bracket = address.rfind(']');
  if (address.find(':', bracket == std::string::npos ? 0 : bracket) == std::string::npos) {
    address += ":6379";
  }
  const Result<net::Endpoint> endpoint = net::ParseEndpoint(address);
  if (!endpoint || endpoint->is_unix() || endpoint->port == 0 || text.empty() || text[0] == ':' ||
      text[0] == '*') {
    return Failure("has no host and port after redis:// (and the password, if it has one)");
  }
  return *endpoint;
}

}  // namespace

tl::expected<void, std::string> ParseRedisUrl(std::string_view url, Redis& redis) {
  Redis parsed = redis;
  parsed.user.clear();
  parsed.password.clear();
  parsed.database = 0;
  const bool tcp = ConsumePrefix(url, kTcpScheme);
  if (!tcp && !ConsumePrefix(url, kUnixScheme)) {
    return Failure("does not begin with redis:// or unix://");
  }

  // A password with a / that is not encoded ends the authority too early and leaves its @ in the
  // path.
  const size_t authority_end = std::min(url.find_first_of("/?#"), url.size());
  std::string_view authority = url.substr(0, authority_end);
  std::string_view rest = url.substr(authority_end);
  const size_t at = authority.rfind('@');
  if (at == std::string_view::npos && rest.find('@') != std::string_view::npos) {
    return Failure("has a password with / ? or #; write it percent-encoded (%2F %3F %23)");
  }
  if (at != std::string_view::npos) {
    auto login = ParseLogin(authority.substr(0, at), parsed);
    if (!login) return login;
    authority.remove_prefix(at + 1);
  }

  std::optional<std::string_view> database;
  if (tcp) {
    auto endpoint = ParseHost(authority);
    if (!endpoint) return Failure(std::move(endpoint.error()));
    parsed.endpoint = std::move(*endpoint);
    if (!rest.empty() && !ConsumePrefix(rest, "/")) {
      return Failure("has a ? or # part; the database is written /NUMBER");
    }
    if (!rest.empty()) database = rest;
  } else {
    if (!authority.empty()) return Failure("has a host; a socket is written unix:///path");
    const std::string_view path = rest.substr(0, rest.find('?'));
    const Result<net::Endpoint> endpoint = net::ParseEndpoint("unix:" + std::string(path));
    if (!endpoint) return Failure("has no socket path of at most 107 bytes after unix://");
    parsed.endpoint = *endpoint;
    rest.remove_prefix(path.size());
    if (!rest.empty()) {
      if (!ConsumePrefix(rest, "?db=")) return Failure("has a ? part other than ?db=NUMBER");
      database = rest;
    }
  }
  if (database) {
    const auto number = ParseQuantity(Unit::kCount, *database, {0, kMaxDatabase});
    if (!number) {
      return Failure(
          fmt::format("has no database number between 0 and {} at its end", kMaxDatabase));
    }
    parsed.database = static_cast<uint32_t>(*number);
  }
  redis = std::move(parsed);
  return {};
}

}  // namespace sluice::config
