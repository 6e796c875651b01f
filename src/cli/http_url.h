// The URLs that the commands take. Values, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/base/result.h"
#include "sluice/net/address.h"

namespace sluice::cli {

struct HttpUrl {
  net::Endpoint endpoint;
  std::string authority;  // for the Host field
  std::string target;     // path and query; at least "/"

  // Where a redirect to `location` leads: a URL, or a path with its query on the same server.
  [[nodiscard]] Result<HttpUrl> Follow(std::string_view location) const;
};

// "http://HOST[:PORT][/PATH][?QUERY]", or "http://unix:/SOCKET:/PATH[?QUERY]" as nginx writes it,
// where ":/PATH" may be left out. A fragment is dropped. An error quotes no query, in which tokens
// stand.
[[nodiscard]] Result<HttpUrl> ParseHttpUrl(std::string_view text);

// "/" of a server that listens there, as a client on this machine reaches it.
[[nodiscard]] HttpUrl UrlOf(const net::Endpoint& listener);

// "host[:port]", with brackets around an IPv6 address.
[[nodiscard]] Result<net::Endpoint> ParseAuthority(std::string_view text, uint16_t default_port);

}  // namespace sluice::cli
