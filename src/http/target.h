// The request target and the Host field (RFC 9112 3.2, RFC 9110 4.2). Pure functions, any thread.
#pragma once

#include <string_view>

#include "sluice/base/result.h"

namespace sluice::http {

// Views into the text that was split.
struct Target {
  std::string_view authority;  // host[:port] of an absolute-form target, else empty
  std::string_view path;       // starts with '/'
  std::string_view query;      // without the '?'
  bool asterisk = false;
};

// Splits a request target. `options`: the method is OPTIONS, which alone may have "*".
[[nodiscard]] Result<Target> SplitTarget(std::string_view raw, bool options);

// Whether `text` is uri-host [ ":" port ] with a host that is not empty.
[[nodiscard]] bool IsValidAuthority(std::string_view text);

}  // namespace sluice::http
