// `auth:` and `cors:` as plain structs. See config/config.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sluice/jose/digest.h"
#include "sluice/jose/key.h"

namespace sluice::config {

// One place where a token may be.
struct TokenPlace {
  enum class Kind : uint8_t { kQuery, kCookie, kBearer };
  Kind kind = Kind::kBearer;
  std::string name;  // of the parameter or cookie
  bool operator==(const TokenPlace&) const = default;
};

// Topic patterns; null: nothing was said.
using Patterns = std::optional<std::vector<std::string>>;

struct StaticToken {
  jose::Digest digest{};  // of the token: the token itself is not kept
  std::string subject;
  Patterns topics;
  Patterns publish;
  bool operator==(const StaticToken&) const = default;
};

struct Jwt {
  std::vector<jose::Algorithm> algorithms;
  std::shared_ptr<const jose::KeySet> keys;
  jose::Digest key_text{};  // of what the keys were read from: tells whether they changed
  std::string issuer;       // empty: any
  std::string audience;     // empty: any
  uint32_t leeway_ms = 30'000;

  bool operator==(const Jwt& other) const {
    return algorithms == other.algorithms && key_text == other.key_text && issuer == other.issuer &&
           audience == other.audience && leeway_ms == other.leeway_ms;
  }
};

// One entry of `auth:`.
struct AuthScheme {
  std::string name;
  std::vector<TokenPlace> places;  // in the order in which they are looked at
  std::optional<Jwt> jwt;
  std::vector<StaticToken> tokens;
  Patterns topics;   // for tokens that say nothing
  Patterns publish;  // likewise
  bool operator==(const AuthScheme&) const = default;
};

struct Cors {
  std::vector<std::string> origins;  // "https://app.example", or "*" alone
  bool credentials = false;
  uint32_t max_age_ms = 600'000;  // how long a browser may keep a preflight's answer
  [[nodiscard]] bool any_origin() const { return origins.size() == 1 && origins.front() == "*"; }
  bool operator==(const Cors&) const = default;
};

}  // namespace sluice::config
