// What a Key holds: the bytes of a secret, or a key of OpenSSL's. Private to src/jose.
#pragma once

#include <string>

#include "jose/openssl.h"
#include "sluice/jose/key.h"

namespace sluice::jose {

enum class KeyKind : uint8_t { kSecret, kRsa, kP256, kEd25519 };

struct Key::Material {
  Material() = default;
  ~Material() { OPENSSL_cleanse(secret.data(), secret.size()); }
  Material(const Material&) = delete;
  Material& operator=(const Material&) = delete;

  KeyKind kind = KeyKind::kSecret;
  std::string secret;
  PkeyPtr pkey;
  bool is_private = false;
};

// What kind of key that is, or why it is none that Sluice takes. Forgets OpenSSL's own errors.
[[nodiscard]] Result<KeyKind> KindOf(EVP_PKEY* pkey);

}  // namespace sluice::jose
