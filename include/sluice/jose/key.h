// Keys for JSON Web Signatures (RFC 7515, 7517, 7518, 8037), over OpenSSL. Immutable, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/result.h"

namespace sluice::jose {

// What a token may be signed with. `none` is not among them and cannot be named.
enum class Algorithm : uint8_t { kHs256, kHs384, kHs512, kRs256, kPs256, kEs256, kEdDsa };

[[nodiscard]] std::optional<Algorithm> ParseAlgorithm(std::string_view name);
[[nodiscard]] std::string_view Name(Algorithm algorithm);
// HS256, HS384 and HS512: who can verify can also sign.
[[nodiscard]] bool IsSymmetric(Algorithm algorithm);

// OpenSSL's version, for --version.
[[nodiscard]] std::string LibraryVersion();

// One key. A copy shares the key's material, which is wiped with the last.
class Key {
 public:
  // For HS256, HS384 and HS512; any bytes, but not none.
  [[nodiscard]] static Result<Key> FromSecret(std::string_view secret);
  // A public key or a certificate in PEM. RSA of at least 2048 bits, P-256 or Ed25519.
  [[nodiscard]] static Result<Key> FromPublicPem(std::string_view pem);
  // A private key in PEM, not encrypted; verifies, too.
  [[nodiscard]] static Result<Key> FromPrivatePem(std::string_view pem);

  // Whether this is the kind of key that the algorithm takes; a JWK may be for one algorithm only.
  [[nodiscard]] bool Fits(Algorithm algorithm) const;
  // False for anything that is not a valid signature of `text`. REQUIRES: Fits(algorithm).
  [[nodiscard]] bool Verify(Algorithm algorithm, std::string_view text,
                            std::string_view signature) const;
  // kInvalid for a public key. REQUIRES: Fits(algorithm).
  [[nodiscard]] Result<std::string> Sign(Algorithm algorithm, std::string_view text) const;
  // The JWK's `kid`; empty: none.
  [[nodiscard]] const std::string& id() const { return id_; }
  // Bytes of a secret; 0 for others.
  [[nodiscard]] size_t secret_bytes() const;

 private:
  friend class KeySet;
  struct Material;

  explicit Key(std::shared_ptr<const Material> material) : material_(std::move(material)) {}

  std::shared_ptr<const Material> material_;
  std::string id_;
  std::optional<Algorithm> only_;
};

// The keys that a scheme accepts.
class KeySet {
 public:
  static constexpr size_t kMaxKeys = 64;

  explicit KeySet(Key key) { keys_.push_back(std::move(key)); }
  // A JWK Set (RFC 7517 5). Keys of other kinds or uses are passed over; an error says which of the
  // others is wrong, and how. Never quotes key material.
  [[nodiscard]] static Result<KeySet> FromJwks(std::string_view text);

  [[nodiscard]] const std::vector<Key>& keys() const { return keys_; }
  [[nodiscard]] bool Fits(Algorithm algorithm) const;

 private:
  KeySet() = default;

  std::vector<Key> keys_;
};

}  // namespace sluice::jose
