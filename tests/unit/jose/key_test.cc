#include "sluice/jose/key.h"

#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/jose/keys_for_test.h"

namespace sluice::jose {
namespace {

using ::testing::HasSubstr;

std::string Jwks(std::string_view members) {
  return fmt::format("{{\"keys\":[{{{}}}]}}", members);
}

TEST(KeyTest, WeakAndOtherKeysAreRefusedByName) {
  EXPECT_EQ(Key::FromPublicPem(kRsa1024Pem).error().message,
            "is an RSA key of less than 2048 bits");
  EXPECT_EQ(Key::FromPublicPem(kP384Pem).error().message, "is of another curve than P-256");
  EXPECT_EQ(Key::FromPublicPem(kEd448Pem).error().message, "is neither RSA, P-256 nor Ed25519");
  for (const std::string_view pem :
       {std::string_view(), std::string_view("-----BEGIN PUBLIC KEY-----"), RsaPem().first,
        RsaPem().second.substr(0, 200)}) {
    EXPECT_EQ(Key::FromPublicPem(pem).error().message, "is no key in PEM that can be read");
  }
  EXPECT_FALSE(Key::FromPrivatePem(RsaPem().second));
  EXPECT_FALSE(Key::FromSecret(""));
}

TEST(KeyTest, EachKindFitsItsAlgorithms) {
  const auto fits = [](const Key& key) {
    std::string names;
    for (const Algorithm algorithm :
         {Algorithm::kHs256, Algorithm::kHs384, Algorithm::kHs512, Algorithm::kRs256,
          Algorithm::kPs256, Algorithm::kEs256, Algorithm::kEdDsa}) {
      if (key.Fits(algorithm)) names += std::string(Name(algorithm)) + " ";
    }
    return names;
  };
  EXPECT_EQ(fits(*Key::FromSecret("x")), "HS256 HS384 HS512 ");
  EXPECT_EQ(fits(*Key::FromPublicPem(RsaPem().second)), "RS256 PS256 ");
  EXPECT_EQ(fits(*Key::FromPublicPem(EcPem().second)), "ES256 ");
  EXPECT_EQ(fits(*Key::FromPublicPem(EdPem().second)), "EdDSA ");
}

TEST(KeyTest, AKeyOfAnotherKindNeverVerifies) {
  const Key secret = *Key::FromSecret("x");
  const Key rsa = *Key::FromPublicPem(RsaPem().second);
  EXPECT_FALSE(secret.Verify(Algorithm::kRs256, "text", "signature"));
  EXPECT_FALSE(rsa.Verify(Algorithm::kHs256, "text", "signature"));
  EXPECT_FALSE(rsa.Verify(Algorithm::kRs256, "text", ""));
}

TEST(JwksTest, EachKindIsReadAndVerifies) {
  const std::tuple<std::string_view, PemPair, Algorithm> kinds[] = {
      {kRsaJwk, RsaPem(), Algorithm::kRs256},
      {kRsaJwk, RsaPem(), Algorithm::kPs256},
      {kEcJwk, EcPem(), Algorithm::kEs256},
      {kEdJwk, EdPem(), Algorithm::kEdDsa},
  };
  for (const auto& [jwk, pem, algorithm] : kinds) {
    const auto keys = KeySet::FromJwks(Jwks(jwk));
    ASSERT_TRUE(keys) << keys.error().message;
    const auto signature = Key::FromPrivatePem(pem.first)->Sign(algorithm, "text");
    ASSERT_TRUE(signature);
    EXPECT_TRUE(keys->keys()[0].Verify(algorithm, "text", *signature));
  }
}

TEST(JwksTest, ASecretSignsAndAPublicKeyDoesNot) {
  const auto secret = KeySet::FromJwks(Jwks(R"("kty":"oct","k":"YWFh")"));
  ASSERT_TRUE(secret);
  const auto signature = secret->keys()[0].Sign(Algorithm::kHs256, "text");
  ASSERT_TRUE(signature);
  EXPECT_TRUE(Key::FromSecret("aaa")->Verify(Algorithm::kHs256, "text", *signature));
  const auto open = KeySet::FromJwks(Jwks(kEdJwk));
  ASSERT_TRUE(open);
  EXPECT_FALSE(open->keys()[0].Sign(Algorithm::kEdDsa, "text"));
}

TEST(JwksTest, AlgLimitsAKeyToOneAlgorithm) {
  const auto keys = KeySet::FromJwks(Jwks(fmt::format("{},\"alg\":\"PS256\"", kRsaJwk)));
  ASSERT_TRUE(keys);
  EXPECT_TRUE(keys->Fits(Algorithm::kPs256));
  EXPECT_FALSE(keys->Fits(Algorithm::kRs256));
  EXPECT_THAT(KeySet::FromJwks(Jwks(fmt::format("{},\"alg\":\"ES256\"", kRsaJwk))).error().message,
              HasSubstr("keys[0] has an alg that is not for its kty"));
}

TEST(JwksTest, KeysOfOtherUsesArePassedOver) {
  const auto keys = KeySet::FromJwks(fmt::format(
      R"({{"keys":[{{{0},"use":"enc"}},{{{0},"alg":"RSA-OAEP"}},{{"kty":"EC","crv":"P-384"}},)"
      R"({{"kty":"quantum"}},{{{0},"kid":"good","use":"sig"}}]}})",
      kRsaJwk));
  ASSERT_TRUE(keys) << keys.error().message;
  ASSERT_EQ(keys->keys().size(), 1U);
  EXPECT_EQ(keys->keys()[0].id(), "good");
}

TEST(JwksTest, MistakesSayWhichKeyAndNeverShowIt) {
  const std::pair<std::string, const char*> mistakes[] = {
      {"", "is no JWK Set"},
      {"[]", "is no JWK Set"},
      {R"({"keys":{}})", "is no JWK Set"},
      {R"({"keys":[5]})", "keys[0] has no kty"},
      {R"({"keys":[{"kty":"oct","k":"sec ret"}]})", "keys[0] has no secret in k"},
      {R"({"keys":[{"kty":"oct"}]})", "keys[0] has no secret in k"},
      {R"({"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]})", "keys[0] is an RSA key of less than"},
      {R"({"keys":[{"kty":"RSA","n":"","e":"AQAB"}]})", "keys[0] is no valid RSA key"},
      {R"({"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]})",
       "keys[0] is no valid EC key"},
      // Not a point of the curve.
      {R"({"keys":[{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",)"
       R"("y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]})",
       "keys[0] is no valid EC key"},
      {R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]})", "keys[0] is no valid OKP key"},
      {R"({"keys":[]})", "has no key for signatures"},
  };
  for (const auto& [text, message] : mistakes) {
    const auto keys = KeySet::FromJwks(text);
    ASSERT_FALSE(keys) << text;
    EXPECT_THAT(keys.error().message, HasSubstr(message)) << text;
    EXPECT_EQ(keys.error().message.find("sec ret"), std::string::npos);
  }
}

TEST(JwksTest, NumberOfKeysIsBounded) {
  const auto with = [](size_t count) {
    std::string list;
    for (size_t i = 0; i < count; ++i) list += R"(,{"kty":"oct","k":"YWFh"})";
    return KeySet::FromJwks("{\"keys\":[" + list.substr(1) + "]}");
  };
  EXPECT_TRUE(with(KeySet::kMaxKeys));
  EXPECT_EQ(with(KeySet::kMaxKeys + 1).error().message, "has more than 64 keys");
}

}  // namespace
}  // namespace sluice::jose
