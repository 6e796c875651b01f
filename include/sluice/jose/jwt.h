// JSON Web Tokens (RFC 7519) in the compact form (RFC 7515 3.1): verifying, reading the claims,
// signing. What the caller pins is what counts: the algorithms and keys are the configuration's,
// and a token's header only chooses among them (RFC 8725 3.1). Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "sluice/base/result.h"
#include "sluice/jose/key.h"

namespace sluice::jose {

// Longer ones are refused unread.
inline constexpr size_t kMaxTokenBytes = size_t{8} * 1024;
// Entries of a `topics` or `publish` claim.
inline constexpr size_t kMaxPatterns = 256;

// Why a token is not good. Not more than its bearer may know.
enum class TokenFault : uint8_t {
  kMalformed,  // no JWT at all
  kAlgorithm,  // not one of those that are pinned, or `none`
  kKey,        // its kid names no key that is here
  kSignature,
  kClaims,  // a claim has the wrong type
};

struct Claims {
  std::optional<int64_t> expires_ms;     // exp, Unix time; fractions of a second are allowed
  std::optional<int64_t> not_before_ms;  // nbf
  std::string issuer;
  std::vector<std::string> audience;  // a single string counts as a list of one
  std::string subject;
  std::optional<std::vector<std::string>> topics;  // patterns; null: no such claim
  std::optional<std::vector<std::string>> publish;
};

// The claims of a token whose signature is good. Whether the time, issuer and audience are right is
// the caller's to say.
[[nodiscard]] tl::expected<Claims, TokenFault> VerifyToken(std::string_view token,
                                                           std::span<const Algorithm> algorithms,
                                                           const KeySet& keys);

// A signed token with these claims, times in whole seconds; empty and absent ones are left out.
// REQUIRES: key.Fits(algorithm).
[[nodiscard]] Result<std::string> SignToken(const Claims& claims, Algorithm algorithm,
                                            const Key& key);

}  // namespace sluice::jose
