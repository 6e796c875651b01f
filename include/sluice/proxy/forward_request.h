// The head of the request that an upstream gets for a client's (RFC 9110 7.6). Pure functions, any
// thread.
//
// It is put together from what was parsed and routed, never from bytes that were not understood.
// - The target is in origin-form: the path that was routed (proxy/target.h), the client's query.
// - Host is the route's, else the client's, else the upstream's name.
// - Left out: fields about one connection and those that Connection nominates, unless everyone
// needs
//   them (Host, Authorization, Cookie, ...: nominating these does nothing); Expect; Content-Length
//   and Transfer-Encoding, which are ours; and X-Forwarded-*, Forwarded and X-Real-IP of a peer
//   that is not in trusted_proxies. So is what an application could take for one of them, or for a
//   field that the route or an auth subrequest sets ("X_Forwarded_For").
// - Added: our Via, X-Forwarded-For, -Proto and -Host, and Forwarded if it is on; "TE: trailers"
// for
//   a client that takes them; Upgrade for a WebSocket.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/config/proxy.h"
#include "sluice/http/request.h"
#include "sluice/net/address.h"
#include "sluice/proxy/call.h"
#include "sluice/proxy/field_list.h"

namespace sluice::proxy {

// Where tokens may be: what is taken out so that the upstream does not see them.
struct TokenNames {
  std::vector<std::string> parameters;  // of the query, decoded
  std::vector<std::string> cookies;
  bool authorization = false;
};

// All of it must outlive the call of ForwardRequestHead alone.
struct ForwardRequest {
  const http::Request& request;
  const config::Route& route;
  const config::Forwarding& forwarding;
  const net::PeerAddress& peer;
  bool tls = false;  // the client's connection is
  // How the body will be sent. With kNone the client's may have been dropped: then fields about it
  // are left out, too.
  CallRequest::Body body = CallRequest::Body::kNone;
  uint64_t length = 0;   // of kLength
  bool upgrade = false;  // to a WebSocket; see http::Request::upgrade_websocket
  const TokenNames* strip = nullptr;
  // Set like the route's, of which those of the same name win. They must be fit for a head.
  const FieldList* fields = nullptr;
  // Instead of the client's, if not empty. The target is the upstream's own, whole and encoded.
  std::string_view method = {};
  std::string_view target = {};
};
[[nodiscard]] std::string ForwardRequestHead(const ForwardRequest& forward);

// Who the client is: the peer, or if that is a trusted proxy, whom it names in X-Forwarded-For: the
// last address there that is no trusted proxy's itself.
[[nodiscard]] net::PeerAddress ClientAddress(const http::Request& request,
                                             const config::Forwarding& forwarding,
                                             const net::PeerAddress& peer);

}  // namespace sluice::proxy
