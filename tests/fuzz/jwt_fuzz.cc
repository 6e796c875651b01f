// No token but one that was signed here gets through, whatever is made of it.
//
// Input: a token, after a byte that says which keys there are.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/jose/jwt.h"

namespace {

using sluice::jose::Algorithm;
using sluice::jose::Key;
using sluice::jose::KeySet;

constexpr std::string_view kJwks =
    R"({"keys":[{"kty":"oct","kid":"a","k":"YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"},)"
    R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  static const KeySet kOne(*Key::FromSecret("aaaaaaaaaaaaaaaaaaaaaaaa"));
  static const KeySet kSet = *KeySet::FromJwks(kJwks);
  const std::string_view text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  if ((bytes[0] & 2) != 0) {
    // The same bytes as a key set: read or refused.
    static_cast<void>(KeySet::FromJwks(text).has_value());
    return 0;
  }
  const std::vector<Algorithm> algorithms = {Algorithm::kHs256, Algorithm::kEdDsa};
  const KeySet& keys = (bytes[0] & 1) != 0 ? kSet : kOne;
  const auto claims = sluice::jose::VerifyToken(text, algorithms, keys);
  if (!claims) return 0;
  // It verifies, so it was made with the key: then its claims can be signed and read again.
  const auto again = SignToken(*claims, Algorithm::kHs256, keys.keys()[0]);
  if (!again || !VerifyToken(*again, algorithms, keys)) std::abort();
  return 0;
}
