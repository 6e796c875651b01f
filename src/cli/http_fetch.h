// A whole HTTP exchange, waited for: what one-shot commands need. Runs a loop of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/http_call.h"
#include "sluice/base/result.h"

namespace sluice::cli {

struct HttpAnswer {
  int status = 0;
  std::string reason;
  std::string body;  // at most its first 64 KiB
};

struct FetchLimits {
  uint64_t connect_timeout_ms = 10'000;
  uint64_t answer_timeout_ms = 30'000;  // from the beginning to the answer's end
  std::string_view timeout_hint;        // ends the message when there was no answer in time
};

// The answer, whatever its status; fails if there was none.
[[nodiscard]] Result<HttpAnswer> Fetch(const HttpRequest& request, const FetchLimits& limits);

}  // namespace sluice::cli
