// What an upstream's answer asks of the gateway by X-Accel-* fields, as nginx understands them, and
// by its media type. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/base/result.h"
#include "sluice/http/request.h"
#include "sluice/http/response_head.h"
#include "sluice/proxy/field_list.h"

namespace sluice::proxy {

// X-Accel-Expires and X-Accel-Charset have no effect: nothing is cached or recoded here.
struct XAccel {
  std::optional<bool> buffering;             // "yes" or "no" in any case; the last that is one
  std::optional<uint64_t> limit_rate;        // bytes a second, 0: no limit; the first
  std::optional<std::string_view> redirect;  // the first, not validated; a view into the head
};
// Nothing if the upstream is not trusted (trust_x_accel).
[[nodiscard]] XAccel ReadXAccel(const http::ResponseHead& head, bool trusted);

// text/event-stream, whatever its parameters.
[[nodiscard]] bool IsEventStream(const http::ResponseHead& head);

// What of an answer with X-Accel-Redirect survives it: Content-Type, Set-Cookie,
// Content-Disposition, Cache-Control, Expires and Accept-Ranges, in their order.
[[nodiscard]] FieldList FieldsOverRedirect(const http::ResponseHead& head);

// Where an X-Accel-Redirect leads to.
struct RedirectTarget {
  std::string name;                  // "@name": the route of that name; then all else is empty
  std::string path;                  // encoded where a request target has to be
  std::optional<std::string> query;  // if it has its own
};
// kInvalid: empty, not a path, dot segments, control bytes. The text does not quote it.
[[nodiscard]] Result<RedirectTarget> ParseRedirectTarget(std::string_view value);

// The request after a redirect to a path: GET, or HEAD if it was, without a body and what is said
// of it; all other fields stay, and the query if the target has none.
[[nodiscard]] Result<http::Request> RedirectRequest(const http::Request& request,
                                                    const RedirectTarget& target);

}  // namespace sluice::proxy
