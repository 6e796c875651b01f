// base64url without padding (RFC 4648 5, RFC 7515 2). Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::jose {

[[nodiscard]] std::string EncodeBase64Url(std::string_view bytes);

// Null for anything but the one spelling of some bytes: padding, white space, other letters and
// stray bits at the end are refused, so that no two texts stand for the same token.
[[nodiscard]] std::optional<std::string> DecodeBase64Url(std::string_view text);

}  // namespace sluice::jose
