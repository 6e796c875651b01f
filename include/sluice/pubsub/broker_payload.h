// How a message published over HTTP travels through a broker, where it must carry an event name and
// an id beside its data: as the envelope of contract `format: envelope` behind the byte RS (0x1E),
// as in a JSON text sequence (RFC 7464). So it is told from raw messages whatever the topic's
// format. Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::pubsub {

// `data` must be valid UTF-8. Empty `event` and `id` are left out.
[[nodiscard]] std::string WrapPayload(std::string_view data, std::string_view event,
                                      std::string_view id);

// The envelope's JSON if `payload` was wrapped.
[[nodiscard]] std::optional<std::string_view> UnwrapPayload(std::string_view payload);

}  // namespace sluice::pubsub
