// The path that an upstream is asked for. Pure functions, any thread.
//
// The bytes that the client sent are passed on as they are, empty segments and escapes included,
// with two exceptions. Dot segments are resolved first, in whatever way they are written: the
// server must not find another path than the one whose route's rules were applied. And with
// strip_prefix the route's path is taken away; what is left begins with one slash.
#pragma once

#include <string>
#include <string_view>

#include "sluice/config/proxy.h"
#include "sluice/http/path.h"

namespace sluice::proxy {

// The path in a request target of any form, without the query: "/" if it has none.
[[nodiscard]] std::string_view RawPath(std::string_view target);

// Appends it to `out`. `path` is what http::Path::Parse made of `raw`. A route that was reached by
// its name may have another prefix than the path: then nothing is taken away.
void AppendUpstreamPath(std::string& out, std::string_view raw, const http::Path& path,
                        const config::Route& route);

}  // namespace sluice::proxy
