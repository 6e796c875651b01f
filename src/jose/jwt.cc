#include "sluice/jose/jwt.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

#include "sluice/jose/base64url.h"

namespace sluice::jose {
namespace {

using nlohmann::json;

// Milliseconds. A time beyond these is as good as for ever, and can be computed with.
constexpr double kMaxTime = 1e17;

struct Parts {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
  std::string_view signed_text;
};

std::optional<Parts> Split(std::string_view token) {
  const size_t first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return std::nullopt;
  }
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1),
               token.substr(second + 1), token.substr(0, second)};
}

// The object that a part holds; null if it holds none.
json ReadObject(std::string_view part) {
  const auto text = DecodeBase64Url(part);
  if (!text) return nullptr;
  json object = json::parse(*text, nullptr, false);
  return object.is_object() ? object : json(nullptr);
}

// Each reads a claim of one type; false: it is there, and of another.
bool ReadTime(const json& claims, const char* name, std::optional<int64_t>& out) {
  const auto found = claims.find(name);
  if (found == claims.end()) return true;
  if (!found->is_number()) return false;
  const double seconds = found->get<double>();
  if (std::isnan(seconds)) return false;
  out = static_cast<int64_t>(std::clamp(std::floor(seconds * 1000), -kMaxTime, kMaxTime));
  return true;
}

bool ReadText(const json& claims, const char* name, std::string& out) {
  const auto found = claims.find(name);
  if (found == claims.end()) return true;
  if (!found->is_string()) return false;
  out = found->get<std::string>();
  return true;
}

bool ReadList(const json& list, std::vector<std::string>& out) {
  if (!list.is_array() || list.size() > kMaxPatterns) return false;
  for (const json& entry : list) {
    if (!entry.is_string()) return false;
    out.push_back(entry.get<std::string>());
  }
  return true;
}

bool ReadPatterns(const json& claims, const char* name,
                  std::optional<std::vector<std::string>>& out) {
  const auto found = claims.find(name);
  return found == claims.end() || ReadList(*found, out.emplace());
}

bool ReadAudience(const json& claims, std::vector<std::string>& out) {
  const auto found = claims.find("aud");
  if (found == claims.end()) return true;
  if (!found->is_string()) return ReadList(*found, out);
  out.push_back(found->get<std::string>());
  return true;
}

tl::expected<Claims, TokenFault> ReadClaims(const json& object) {
  Claims claims;
  const bool good =
      ReadTime(object, "exp", claims.expires_ms) && ReadTime(object, "nbf", claims.not_before_ms) &&
      ReadText(object, "iss", claims.issuer) && ReadText(object, "sub", claims.subject) &&
      ReadAudience(object, claims.audience) && ReadPatterns(object, "topics", claims.topics) &&
      ReadPatterns(object, "publish", claims.publish);
  if (!good) return tl::unexpected(TokenFault::kClaims);
  return claims;
}

// Null if one of the keys that the header may mean has signed it.
std::optional<TokenFault> CheckSignature(const json& header, const Parts& parts,
                                         Algorithm algorithm, const KeySet& keys) {
  const auto signature = DecodeBase64Url(parts.signature);
  if (!signature) return TokenFault::kMalformed;
  const auto kid = header.find("kid");
  bool tried = false;
  for (const Key& key : keys.keys()) {
    if (!key.Fits(algorithm)) continue;
    // A key without an id may be meant by any kid.
    if (kid != header.end() && !key.id().empty() && *kid != key.id()) continue;
    if (key.Verify(algorithm, parts.signed_text, *signature)) return std::nullopt;
    tried = true;
  }
  return tried ? TokenFault::kSignature : TokenFault::kKey;
}

}  // namespace

tl::expected<Claims, TokenFault> VerifyToken(std::string_view token,
                                             std::span<const Algorithm> algorithms,
                                             const KeySet& keys) {
  if (token.size() > kMaxTokenBytes) return tl::unexpected(TokenFault::kMalformed);
  const std::optional<Parts> parts = Split(token);
  if (!parts) return tl::unexpected(TokenFault::kMalformed);
  const json header = ReadObject(parts->header);
  // What `crit` names must be understood (RFC 7515 4.1.11), and nothing of it is.
  if (header.is_null() || header.contains("crit") || !header.contains("alg") ||
      !header["alg"].is_string()) {
    return tl::unexpected(TokenFault::kMalformed);
  }
  const auto algorithm = ParseAlgorithm(header["alg"].get_ref<const std::string&>());
  if (!algorithm ||
      std::find(algorithms.begin(), algorithms.end(), *algorithm) == algorithms.end()) {
    return tl::unexpected(TokenFault::kAlgorithm);
  }
  if (const auto fault = CheckSignature(header, *parts, *algorithm, keys)) {
    return tl::unexpected(*fault);
  }
  const json payload = ReadObject(parts->payload);
  if (payload.is_null()) return tl::unexpected(TokenFault::kMalformed);
  return ReadClaims(payload);
}

Result<std::string> SignToken(const Claims& claims, Algorithm algorithm, const Key& key) {
  nlohmann::ordered_json header = {{"alg", Name(algorithm)}, {"typ", "JWT"}};
  if (!key.id().empty()) header["kid"] = key.id();
  nlohmann::ordered_json payload = nlohmann::ordered_json::object();
  if (!claims.issuer.empty()) payload["iss"] = claims.issuer;
  if (claims.audience.size() == 1) {
    payload["aud"] = claims.audience.front();
  } else if (!claims.audience.empty()) {
    payload["aud"] = claims.audience;
  }
  if (!claims.subject.empty()) payload["sub"] = claims.subject;
  if (claims.not_before_ms) payload["nbf"] = *claims.not_before_ms / 1000;
  if (claims.expires_ms) payload["exp"] = *claims.expires_ms / 1000;
  if (claims.topics) payload["topics"] = *claims.topics;
  if (claims.publish) payload["publish"] = *claims.publish;
  using nlohmann::ordered_json;
  const auto encode = [](const ordered_json& object) {
    return EncodeBase64Url(object.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
  };
  std::string token = encode(header) + '.' + encode(payload);
  const Result<std::string> signature = key.Sign(algorithm, token);
  if (!signature) return tl::unexpected(signature.error());
  return token + '.' + EncodeBase64Url(*signature);
}

}  // namespace sluice::jose
