// Who a request comes from and what it may do, or why that is not known. Values, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/config/auth.h"

namespace sluice::auth {

// kEnter: to be let in at a route; any good token may.
enum class Right : uint8_t { kRead, kPublish, kEnter };

struct Identity {
  std::string subject;       // empty: unknown
  config::Patterns read;     // null: every topic
  config::Patterns publish;  // null: every topic
  uint64_t expires_ms = 0;   // Unix time; 0: never
  uint64_t leeway_ms = 0;    // for so long after it the token is still taken
  uint64_t fingerprint = 0;  // of the token; 0: there was none
  config::TokenPlace::Kind place = config::TokenPlace::Kind::kBearer;

  // `topic` is a topic's name, or the channel of one whose path has parameters.
  [[nodiscard]] bool May(Right right, std::string_view topic) const;
};

// Why a request was refused: the `reason` of sluice_auth_failures_total.
enum class Denial : uint8_t {
  kMissing,      // no token where the scheme looks for one
  kMalformed,    // no JWT
  kAlgorithm,    // signed in a way that is not configured
  kKey,          // signed with a key that is not known here
  kSignature,    // the signature is wrong
  kClaims,       // a claim of the wrong type
  kUnknown,      // none of the static tokens
  kExpired,      // exp
  kNotYet,       // nbf
  kIssuer,       // iss
  kAudience,     // aud
  kSpent,        // expired while its stream was open, and came back: 204
  kForbidden,    // a good token without the right: 403
  kCrossOrigin,  // a cookie's token sent by a page of another origin: 403
  kLimited,      // one of the others, too often from one address: 429
};
inline constexpr std::array<std::string_view, 15> kDenialNames = {
    "missing", "malformed", "algorithm", "key",   "signature", "claims",       "unknown", "expired",
    "not_yet", "issuer",    "audience",  "spent", "forbidden", "cross_origin", "limited"};
[[nodiscard]] constexpr std::string_view Name(Denial denial) {
  return kDenialNames[static_cast<size_t>(denial)];
}

// How a request refused for that reason is answered (contract, "Subscribing").
[[nodiscard]] int StatusOf(Denial denial);
// What the client is told. It helps a developer, and nobody who guesses.
[[nodiscard]] std::string_view DetailOf(Denial denial);

// What a scheme says of a request.
struct Verdict {
  std::optional<Denial> denial;  // null: let in
  Identity identity;             // whole if let in; with times and fingerprint if kExpired
};

}  // namespace sluice::auth
