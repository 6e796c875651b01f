// The head of the answer that a client gets for an upstream's (RFC 9110 7.6). Pure functions, any
// thread.
//
// Left out: fields about one connection and those that Connection nominates, and all X-Accel-*.
// Added: our Via, Date if there is none, and how the body is framed on the client's connection. The
// order of the rest stays.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/config/proxy.h"
#include "sluice/http/response_head.h"
#include "sluice/proxy/field_list.h"

namespace sluice::proxy {

// All of it must outlive the call alone.
struct ForwardResponse {
  const http::ResponseHead& head;
  const config::Route& route;
  const config::Forwarding& forwarding;
  int minor_version = 1;  // the client's
  // For a body whose length was not given; without it the Content-Length is kept, where there is
  // one.
  bool chunked = false;
  bool keep_alive = true;  // the client's connection
  // What an answer with X-Accel-Redirect leaves to this one: FieldsOverRedirect. This answer's own
  // win, but Set-Cookie and Cache-Control are sent beside them.
  const FieldList* kept = nullptr;
  // Sent instead of the upstream's own Access-Control-*, of which Expose-Headers stays; null: its
  // own.
  using Views = std::vector<std::pair<std::string_view, std::string_view>>;
  const Views* cors = nullptr;
};

// For a status of 200 and more, and for 101, which says that the protocol is WebSocket now.
[[nodiscard]] std::string ForwardResponseHead(const ForwardResponse& forward);

// For 1xx before the answer: its fields alone.
[[nodiscard]] std::string ForwardInterimHead(const ForwardResponse& forward);

}  // namespace sluice::proxy
