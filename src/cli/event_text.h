// How `sluice tail` prints events. Pure functions, any thread.
#pragma once

#include <string>

#include "sluice/sse/parser.h"

namespace sluice::cli {

// The data, line by line; an event with a name of its own has "[name] " before the first line. With
// `escape`, for a terminal, control characters are shown as \xNN.
[[nodiscard]] std::string EventText(const sse::ReceivedEvent& event, bool escape);

// {"type":"message","id":"…","data":"…"} and a line end.
[[nodiscard]] std::string EventJson(const sse::ReceivedEvent& event);

}  // namespace sluice::cli
