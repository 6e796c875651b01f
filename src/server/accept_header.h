// The Accept field (RFC 9110 12.5.1).
#pragma once

#include <string_view>

namespace sluice::server {

// Whether a client that sent this Accept takes text/event-stream: the most specific range that
// covers it has a weight above 0. A field without any range takes everything.
[[nodiscard]] bool AcceptsEventStream(std::string_view accept);

// Whether it names text/event-stream itself, as EventSource does.
[[nodiscard]] bool NamesEventStream(std::string_view accept);

}  // namespace sluice::server
