#include "sluice/jose/key.h"

#include <algorithm>
#include <array>
#include <climits>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "jose/material.h"
#include "sluice/jose/digest.h"

namespace sluice::jose {
namespace {

constexpr int kMinRsaBits = 2048;  // RFC 7518 3.3
constexpr size_t kP256Bytes = 32;  // of each half of an ES256 signature (RFC 7518 3.4)

struct AlgorithmInfo {
  std::string_view name;
  KeyKind kind;
};
// In the order of Algorithm.
constexpr std::array<AlgorithmInfo, 7> kAlgorithms = {{
    {"HS256", KeyKind::kSecret},
    {"HS384", KeyKind::kSecret},
    {"HS512", KeyKind::kSecret},
    {"RS256", KeyKind::kRsa},
    {"PS256", KeyKind::kRsa},
    {"ES256", KeyKind::kP256},
    {"EdDSA", KeyKind::kEd25519},
}};

const AlgorithmInfo& Info(Algorithm algorithm) {
  return kAlgorithms[static_cast<size_t>(algorithm)];
}

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

std::string Hmac(Algorithm algorithm, const std::string& secret, std::string_view text) {
  const EVP_MD* hash = EVP_sha256();
  if (algorithm == Algorithm::kHs384) hash = EVP_sha384();
  if (algorithm == Algorithm::kHs512) hash = EVP_sha512();
  std::string mac(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  if (HMAC(hash, secret.data(), static_cast<int>(secret.size()), Bytes(text), text.size(),
           Bytes(mac), &size) == nullptr) {
    size = 0;
  }
  mac.resize(size);
  return mac;
}

// Sets the padding of PS256: the salt is as long as the hash (RFC 7518 3.5).
bool SetPadding(Algorithm algorithm, EVP_PKEY_CTX* context) {
  if (algorithm != Algorithm::kPs256) return true;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) > 0;
}

const EVP_MD* HashOf(Algorithm algorithm) {
  return algorithm == Algorithm::kEdDsa ? nullptr : EVP_sha256();
}

// JWS has r and s side by side, OpenSSL a DER sequence of them.
std::string EcdsaToDer(std::string_view signature) {
  if (signature.size() != 2 * kP256Bytes) return {};
  EcdsaSigPtr pair(ECDSA_SIG_new());
  BignumPtr r(BN_bin2bn(Bytes(signature), kP256Bytes, nullptr));
  BignumPtr s(BN_bin2bn(Bytes(signature) + kP256Bytes, kP256Bytes, nullptr));
  if (pair == nullptr || r == nullptr || s == nullptr) return {};
  if (ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return {};
  static_cast<void>(r.release());  // the pair owns both now
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<const char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

std::string EcdsaFromDer(const std::string& der) {
  const unsigned char* at = Bytes(std::string_view(der));
  const EcdsaSigPtr pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  if (pair == nullptr) return {};
  std::string out(2 * kP256Bytes, '\0');
  if (BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), Bytes(out), kP256Bytes) < 0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), Bytes(out) + kP256Bytes, kP256Bytes) < 0) {
    return {};
  }
  return out;
}

BioPtr ReadFrom(std::string_view pem) {
  if (pem.size() > INT_MAX) return nullptr;
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// An encrypted key is refused instead of asking at the terminal.
int NoPassword(char*, int, int, void*) {
  return -1;
}

}  // namespace

Result<KeyKind> KindOf(EVP_PKEY* pkey) {
  ERR_clear_error();
  if (pkey == nullptr) return Fail(Errc::kInvalid, "is no key in PEM that can be read");
  switch (EVP_PKEY_get_base_id(pkey)) {
    case EVP_PKEY_RSA:
      if (EVP_PKEY_get_bits(pkey) < kMinRsaBits) {
        return Fail(Errc::kInvalid, "is an RSA key of less than 2048 bits");
      }
      return KeyKind::kRsa;
    case EVP_PKEY_ED25519:
      return KeyKind::kEd25519;
    case EVP_PKEY_EC: {
      std::array<char, 32> group{};
      size_t size = 0;
      const bool named = EVP_PKEY_get_group_name(pkey, group.data(), group.size(), &size) == 1;
      if (named && std::string_view(group.data(), size) == "prime256v1") return KeyKind::kP256;
      return Fail(Errc::kInvalid, "is of another curve than P-256");
    }
    default:
      return Fail(Errc::kInvalid, "is neither RSA, P-256 nor Ed25519");
  }
}

std::optional<Algorithm> ParseAlgorithm(std::string_view name) {
  for (size_t i = 0; i < kAlgorithms.size(); ++i) {
    if (kAlgorithms[i].name == name) return static_cast<Algorithm>(i);
  }
  return std::nullopt;
}

std::string_view Name(Algorithm algorithm) {
  return Info(algorithm).name;
}

bool IsSymmetric(Algorithm algorithm) {
  return Info(algorithm).kind == KeyKind::kSecret;
}

std::string LibraryVersion() {
  return OpenSSL_version(OPENSSL_VERSION_STRING);
}

Result<Key> Key::FromSecret(std::string_view secret) {
  if (secret.empty()) return Fail(Errc::kInvalid, "is empty");
  if (secret.size() > 64 * 1024) return Fail(Errc::kInvalid, "is larger than 64 KiB");
  auto material = std::make_shared<Material>();
  material->secret = secret;
  material->is_private = true;
  return Key(std::move(material));
}

Result<Key> Key::FromPublicPem(std::string_view pem) {
  auto material = std::make_shared<Material>();
  if (const BioPtr bio = ReadFrom(pem)) {
    material->pkey.reset(PEM_read_bio_PUBKEY(bio.get(), nullptr, NoPassword, nullptr));
  }
  if (material->pkey == nullptr) {
    const BioPtr bio = ReadFrom(pem);
    const X509Ptr certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr)
                                  : nullptr);
    if (certificate != nullptr) material->pkey.reset(X509_get_pubkey(certificate.get()));
  }
  const Result<KeyKind> kind = KindOf(material->pkey.get());
  if (!kind) return tl::unexpected(kind.error());
  material->kind = *kind;
  return Key(std::move(material));
}

Result<Key> Key::FromPrivatePem(std::string_view pem) {
  auto material = std::make_shared<Material>();
  if (const BioPtr bio = ReadFrom(pem)) {
    material->pkey.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  }
  const Result<KeyKind> kind = KindOf(material->pkey.get());
  if (!kind) return tl::unexpected(kind.error());
  material->kind = *kind;
  material->is_private = true;
  return Key(std::move(material));
}

bool Key::Fits(Algorithm algorithm) const {
  return Info(algorithm).kind == material_->kind && (!only_ || *only_ == algorithm);
}

size_t Key::secret_bytes() const {
  return material_->secret.size();
}

bool Key::Verify(Algorithm algorithm, std::string_view text, std::string_view signature) const {
  if (!Fits(algorithm)) return false;
  if (IsSymmetric(algorithm)) {
    const std::string mac = Hmac(algorithm, material_->secret, text);
    return !mac.empty() && mac.size() == signature.size() &&
           CRYPTO_memcmp(mac.data(), signature.data(), mac.size()) == 0;
  }
  std::string der;
  if (algorithm == Algorithm::kEs256) {
    der = EcdsaToDer(signature);
    if (der.empty()) return false;
    signature = der;
  }
  const MdCtxPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;  // owned by `context`
  const bool good = context != nullptr &&
                    EVP_DigestVerifyInit(context.get(), &options, HashOf(algorithm), nullptr,
                                         material_->pkey.get()) == 1 &&
                    SetPadding(algorithm, options) &&
                    EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(text),
                                     text.size()) == 1;
  ERR_clear_error();
  return good;
}

Result<std::string> Key::Sign(Algorithm algorithm, std::string_view text) const {
  if (!Fits(algorithm) || !material_->is_private) {
    return Fail(Errc::kInvalid, "the key cannot sign with this algorithm");
  }
  if (IsSymmetric(algorithm)) return Hmac(algorithm, material_->secret, text);
  const MdCtxPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  size_t size = 0;
  std::string signature;
  bool good = context != nullptr &&
              EVP_DigestSignInit(context.get(), &options, HashOf(algorithm), nullptr,
                                 material_->pkey.get()) == 1 &&
              SetPadding(algorithm, options) &&
              EVP_DigestSign(context.get(), nullptr, &size, Bytes(text), text.size()) == 1;
  if (good) {
    signature.resize(size);
    good = EVP_DigestSign(context.get(), Bytes(signature), &size, Bytes(text), text.size()) == 1;
    signature.resize(size);
  }
  ERR_clear_error();
  if (good && algorithm == Algorithm::kEs256) signature = EcdsaFromDer(signature);
  if (!good || signature.empty()) return Fail(Errc::kInvalid, "the key cannot sign");
  return signature;
}

bool KeySet::Fits(Algorithm algorithm) const {
  return std::any_of(keys_.begin(), keys_.end(),
                     [algorithm](const Key& key) { return key.Fits(algorithm); });
}

Digest Sha256(std::string_view bytes) {
  Digest digest{};
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return digest;
}

bool ConstantTimeEqual(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace sluice::jose
