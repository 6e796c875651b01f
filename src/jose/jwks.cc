// Reads JSON Web Keys (RFC 7517, RFC 7518 6, RFC 8037 2).
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/core_names.h>
#include <openssl/err.h>

#include "jose/material.h"
#include "sluice/jose/base64url.h"

namespace sluice::jose {
namespace {

using nlohmann::json;

std::string Member(const json& jwk, const char* name) {
  const auto found = jwk.find(name);
  return found != jwk.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<std::string> Decoded(const json& jwk, const char* name) {
  auto bytes = DecodeBase64Url(Member(jwk, name));
  if (bytes && bytes->empty()) bytes.reset();
  return bytes;
}

BignumPtr ToBignum(const std::string& bytes) {
  return BignumPtr(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                             static_cast<int>(bytes.size()), nullptr));
}

PkeyPtr MakePublic(const char* type, OSSL_PARAM_BLD* builder) {
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(builder));
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* pkey = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &pkey, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return PkeyPtr(pkey);
}

PkeyPtr ReadRsa(const json& jwk) {
  const auto n = Decoded(jwk, "n");
  const auto e = Decoded(jwk, "e");
  if (!n || !e || n->size() > 2048 || e->size() > 16) return nullptr;
  const BignumPtr modulus = ToBignum(*n);
  const BignumPtr exponent = ToBignum(*e);
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return nullptr;
  }
  return MakePublic("RSA", builder.get());
}

PkeyPtr ReadP256(const json& jwk) {
  const auto x = Decoded(jwk, "x");
  const auto y = Decoded(jwk, "y");
  if (!x || !y || x->size() != 32 || y->size() != 32) return nullptr;
  const std::string point = '\x04' + *x + *y;  // uncompressed (SEC 1, 2.3.3)
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) !=
          1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return nullptr;
  }
  return MakePublic("EC", builder.get());
}

PkeyPtr ReadEd25519(const json& jwk) {
  const auto x = Decoded(jwk, "x");
  if (!x || x->size() != 32) return nullptr;
  return PkeyPtr(EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(x->data()), x->size()));
}

// Whether it is a key that can verify signatures here; others have other uses.
bool IsForUs(const json& jwk) {
  const std::string use = Member(jwk, "use");
  if (!use.empty() && use != "sig") return false;
  const std::string type = Member(jwk, "kty");
  const std::string curve = Member(jwk, "crv");
  if (jwk.contains("alg") && !ParseAlgorithm(Member(jwk, "alg"))) return false;
  return type == "oct" || type == "RSA" || (type == "EC" && curve == "P-256") ||
         (type == "OKP" && curve == "Ed25519");
}

}  // namespace

Result<KeySet> KeySet::FromJwks(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object() || !document.contains("keys") || !document["keys"].is_array()) {
    return Fail(Errc::kInvalid, "is no JWK Set: {\"keys\": [...]}");
  }
  KeySet set;
  size_t index = 0;
  for (const json& jwk : document["keys"]) {
    const std::string where = fmt::format("keys[{}] ", index++);
    if (!jwk.is_object() || Member(jwk, "kty").empty()) {
      return Fail(Errc::kInvalid, where + "has no kty");
    }
    if (!IsForUs(jwk)) continue;
    if (set.keys_.size() == kMaxKeys) {
      return Fail(Errc::kInvalid, fmt::format("has more than {} keys", kMaxKeys));
    }
    auto material = std::make_shared<Key::Material>();
    const std::string type = Member(jwk, "kty");
    if (type == "oct") {
      const auto secret = Decoded(jwk, "k");
      if (!secret) return Fail(Errc::kInvalid, where + "has no secret in k");
      material->secret = *secret;
      material->is_private = true;
    } else {
      material->pkey = type == "RSA"  ? ReadRsa(jwk)
                       : type == "EC" ? ReadP256(jwk)
                                      : ReadEd25519(jwk);
      ERR_clear_error();
      if (material->pkey == nullptr) {
        return Fail(Errc::kInvalid, fmt::format("{}is no valid {} key", where, type));
      }
      const Result<KeyKind> kind = KindOf(material->pkey.get());
      if (!kind) return Fail(Errc::kInvalid, where + kind.error().message);
      material->kind = *kind;
    }
    Key key(std::move(material));
    key.id_ = Member(jwk, "kid");
    key.only_ = ParseAlgorithm(Member(jwk, "alg"));
    if (key.only_ && !key.Fits(*key.only_)) {
      return Fail(Errc::kInvalid, where + "has an alg that is not for its kty");
    }
    set.keys_.push_back(std::move(key));
  }
  if (set.keys_.empty())
    return Fail(Errc::kInvalid, "has no key for signatures that is known here");
  return set;
}

}  // namespace sluice::jose
