#include "cli/http_url.h"

#include <algorithm>

#include <fmt/format.h>

namespace sluice::cli {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr std::string_view kUnix = "unix:";
constexpr uint16_t kDefaultPort = 80;

std::string_view WithoutQuery(std::string_view text) {
  return text.substr(0, text.find_first_of("?#"));
}

tl::unexpected<Error> Expected(std::string_view text) {
  if (text.starts_with("https://")) {
    return Fail(Errc::kInvalid,
                fmt::format("{}: https is not built yet; use http:// on the gateway's own address",
                            WithoutQuery(text)));
  }
  return Fail(Errc::kInvalid,
              fmt::format("{}: expected http://HOST[:PORT]/PATH", WithoutQuery(text)));
}

Result<> CheckTarget(std::string_view target) {
  const bool clean = std::all_of(target.begin(), target.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7F;
  });
  if (clean) return {};
  return Fail(Errc::kInvalid, fmt::format("{}: write spaces and control characters as %20 and the "
                                          "like",
                                          WithoutQuery(target).substr(0, target.find(' '))));
}

Result<HttpUrl> ParseUnix(std::string_view rest) {
  HttpUrl url;
  const size_t end = std::min(rest.find(':', kUnix.size()), rest.size());
  auto endpoint = net::ParseEndpoint(rest.substr(0, end));
  if (!endpoint) return tl::unexpected(endpoint.error());
  url.endpoint = std::move(*endpoint);
  url.authority = "localhost";
  url.target = rest.substr(std::min(end + 1, rest.size()));
  return url;
}

Result<HttpUrl> ParseTcp(std::string_view rest) {
  HttpUrl url;
  const size_t end = std::min(rest.find_first_of("/?"), rest.size());
  url.authority = rest.substr(0, end);
  url.target = rest.substr(end);
  if (url.authority.find('@') != std::string::npos) {
    return Fail(Errc::kInvalid, "a URL with user and password is not supported; use --token");
  }
  auto endpoint = ParseAuthority(url.authority, kDefaultPort);
  if (!endpoint) return tl::unexpected(endpoint.error());
  url.endpoint = std::move(*endpoint);
  return url;
}

}  // namespace

Result<HttpUrl> HttpUrl::Follow(std::string_view location) const {
  if (!location.starts_with('/')) return ParseHttpUrl(location);
  if (location.starts_with("//")) return ParseHttpUrl(fmt::format("http:{}", location));
  HttpUrl url = *this;
  url.target = location.substr(0, location.find('#'));
  if (auto clean = CheckTarget(url.target); !clean) return tl::unexpected(clean.error());
  return url;
}

Result<HttpUrl> ParseHttpUrl(std::string_view text) {
  if (!text.starts_with(kScheme)) return Expected(text);
  std::string_view rest = text.substr(kScheme.size());
  rest = rest.substr(0, rest.find('#'));
  auto url = rest.starts_with(kUnix) ? ParseUnix(rest) : ParseTcp(rest);
  if (!url) return url;
  if (!url->target.starts_with('/')) url->target.insert(0, "/");
  if (auto clean = CheckTarget(url->target); !clean) return tl::unexpected(clean.error());
  return url;
}

HttpUrl UrlOf(const net::Endpoint& listener) {
  HttpUrl url{.endpoint = listener, .authority = "localhost", .target = "/"};
  if (listener.is_unix()) return url;
  if (listener.host == "0.0.0.0") url.endpoint.host = "127.0.0.1";
  if (listener.host == "::") url.endpoint.host = "::1";
  url.authority = url.endpoint.ToString();
  return url;
}

Result<net::Endpoint> ParseAuthority(std::string_view text, uint16_t default_port) {
  if (text.empty() || text.front() == ':') {
    return Fail(Errc::kInvalid, fmt::format("\"{}\": the host is missing", text));
  }
  const size_t colon = text.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && text.find(']', colon) == std::string_view::npos;
  return net::ParseEndpoint(has_port ? std::string(text)
                                     : fmt::format("{}:{}", text, default_port));
}

}  // namespace sluice::cli
