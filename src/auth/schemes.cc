#include "sluice/auth/schemes.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sluice/base/utf8.h"
#include "sluice/jose/jwt.h"

namespace sluice::auth {
namespace {

constexpr size_t kMaxSubjectBytes = 256;
constexpr std::string_view kBearer = "Bearer ";  // RFC 6750 2.1

Denial ToDenial(jose::TokenFault fault) {
  switch (fault) {
    case jose::TokenFault::kMalformed:
      return Denial::kMalformed;
    case jose::TokenFault::kAlgorithm:
      return Denial::kAlgorithm;
    case jose::TokenFault::kKey:
      return Denial::kKey;
    case jose::TokenFault::kSignature:
      return Denial::kSignature;
    case jose::TokenFault::kClaims:
      break;
  }
  return Denial::kClaims;
}

// Never 0, which stands for no token.
uint64_t Fingerprint(const jose::Digest& digest) {
  uint64_t bits = 0;
  std::memcpy(&bits, digest.data(), sizeof bits);
  return bits | 1;
}

// Never 0, which stands for no time.
uint64_t ToUnixMs(int64_t ms) {
  return ms <= 0 ? 1 : static_cast<uint64_t>(ms);
}

}  // namespace

std::optional<FoundToken> Scheme::Find(const http::Request& request) const {
  for (const config::TokenPlace& place : config_.places) {
    std::optional<std::string> text;
    switch (place.kind) {
      case config::TokenPlace::Kind::kQuery:
        text = request.Query(place.name);
        break;
      case config::TokenPlace::Kind::kCookie:
        if (const auto cookie = request.Cookie(place.name)) text = std::string(*cookie);
        break;
      case config::TokenPlace::Kind::kBearer: {
        const auto field = request.Header("Authorization");
        if (!field || !http::EqualsIgnoreCase(field->substr(0, kBearer.size()), kBearer)) break;
        std::string_view rest = field->substr(kBearer.size());
        while (rest.starts_with(' ')) rest.remove_prefix(1);
        text = std::string(rest);
        break;
      }
    }
    if (text && !text->empty()) return FoundToken{std::move(*text), place.kind};
  }
  return std::nullopt;
}

Verdict Scheme::Check(const http::Request& request, uint64_t now_ms) const {
  const std::optional<FoundToken> token = Find(request);
  if (!token) return {.denial = Denial::kMissing, .identity = {}};
  Verdict verdict = CheckStatic(*token);
  if (verdict.denial && config_.jwt) verdict = CheckJwt(*token, now_ms);
  return verdict;
}

Verdict Scheme::CheckStatic(const FoundToken& token) const {
  const jose::Digest digest = jose::Sha256(token.text);
  const config::StaticToken* found = nullptr;
  // All of them, so that the time says nothing about which it was.
  for (const config::StaticToken& known : config_.tokens) {
    if (jose::ConstantTimeEqual(known.digest, digest)) found = &known;
  }
  if (found == nullptr) return {.denial = Denial::kUnknown, .identity = {}};
  Verdict verdict;
  verdict.identity.subject = found->subject;
  verdict.identity.fingerprint = Fingerprint(digest);
  verdict.identity.place = token.place;
  SetRights(found->topics, found->publish, verdict.identity);
  return verdict;
}

Verdict Scheme::CheckJwt(const FoundToken& token, uint64_t now_ms) const {
  const config::Jwt& jwt = *config_.jwt;
  const auto claims = jose::VerifyToken(token.text, jwt.algorithms, *jwt.keys);
  if (!claims) return {.denial = ToDenial(claims.error()), .identity = {}};
  if (!jwt.issuer.empty() && claims->issuer != jwt.issuer) {
    return {.denial = Denial::kIssuer, .identity = {}};
  }
  const auto& audience = claims->audience;
  if (!jwt.audience.empty() &&
      std::find(audience.begin(), audience.end(), jwt.audience) == audience.end()) {
    return {.denial = Denial::kAudience, .identity = {}};
  }
  Verdict verdict;
  Identity& identity = verdict.identity;
  identity.subject = CutUtf8(claims->subject, kMaxSubjectBytes);
  identity.fingerprint = Fingerprint(jose::Sha256(token.text));
  identity.place = token.place;
  identity.leeway_ms = jwt.leeway_ms;
  if (claims->expires_ms) identity.expires_ms = ToUnixMs(*claims->expires_ms);
  SetRights(claims->topics, claims->publish, identity);
  if (claims->expires_ms && now_ms >= identity.expires_ms + jwt.leeway_ms) {
    verdict.denial = Denial::kExpired;
  } else if (claims->not_before_ms && now_ms + jwt.leeway_ms < ToUnixMs(*claims->not_before_ms)) {
    verdict.denial = Denial::kNotYet;
  }
  return verdict;
}

void Scheme::SetRights(const config::Patterns& topics, const config::Patterns& publish,
                       Identity& identity) const {
  identity.read = topics ? topics : config_.topics;
  identity.publish = publish ? publish : config_.publish ? config_.publish : identity.read;
}

Schemes::Schemes(const std::vector<config::AuthScheme>& config) {
  for (const config::AuthScheme& scheme : config) schemes_.emplace_back(scheme);
}

const Scheme* Schemes::Find(std::string_view name) const {
  for (const Scheme& scheme : schemes_) {
    if (scheme.config().name == name) return &scheme;
  }
  return nullptr;
}

std::vector<std::string_view> Schemes::QueryParameters() const {
  std::vector<std::string_view> names;
  for (const Scheme& scheme : schemes_) {
    for (const config::TokenPlace& place : scheme.config().places) {
      if (place.kind == config::TokenPlace::Kind::kQuery) names.push_back(place.name);
    }
  }
  return names;
}

}  // namespace sluice::auth
