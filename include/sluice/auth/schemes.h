// The authentication schemes of `auth:`: finds a request's token and says whose it is. Built from
// the config, immutable, any thread. A reload makes new ones.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/auth/identity.h"
#include "sluice/config/auth.h"
#include "sluice/http/request.h"

namespace sluice::auth {

// A token and where it was.
struct FoundToken {
  std::string text;
  config::TokenPlace::Kind place = config::TokenPlace::Kind::kBearer;
};

class Scheme {
 public:
  explicit Scheme(config::AuthScheme config) : config_(std::move(config)) {}

  // The token at the first of the scheme's places that has one; later ones are not looked at.
  [[nodiscard]] std::optional<FoundToken> Find(const http::Request& request) const;

  // `now_ms` is Unix time. The token's bytes are compared in constant time with each static token;
  // one that is none of them must be a JWT.
  [[nodiscard]] Verdict Check(const http::Request& request, uint64_t now_ms) const;

  [[nodiscard]] const config::AuthScheme& config() const { return config_; }

 private:
  [[nodiscard]] Verdict CheckStatic(const FoundToken& token) const;
  [[nodiscard]] Verdict CheckJwt(const FoundToken& token, uint64_t now_ms) const;
  // What the token says, else what the scheme says, else everything (reading) or what may be read
  // (publishing).
  void SetRights(const config::Patterns& topics, const config::Patterns& publish,
                 Identity& identity) const;

  config::AuthScheme config_;
};

class Schemes {
 public:
  explicit Schemes(const std::vector<config::AuthScheme>& config);

  // Null if there is none of that name.
  [[nodiscard]] const Scheme* Find(std::string_view name) const;

  // The query parameters in which tokens are looked for.
  [[nodiscard]] std::vector<std::string_view> QueryParameters() const;

 private:
  std::vector<Scheme> schemes_;
};

using SchemesPtr = std::shared_ptr<const Schemes>;

}  // namespace sluice::auth
