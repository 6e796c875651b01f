#include "sluice/jose/jwt.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/jose/base64url.h"
#include "unit/jose/keys_for_test.h"

namespace sluice::jose {
namespace {

using ::testing::ElementsAre;

constexpr std::string_view kSecret = "an HMAC key of more than 32 bytes for the tests";

Key Secret(std::string_view secret = kSecret) {
  return *Key::FromSecret(secret);
}

std::string Token(std::string_view header, std::string_view payload, const Key& key,
                  Algorithm algorithm = Algorithm::kHs256) {
  std::string text = EncodeBase64Url(header) + '.' + EncodeBase64Url(payload);
  return text + '.' + EncodeBase64Url(*key.Sign(algorithm, text));
}
std::string Token(std::string_view payload) {
  return Token(R"({"alg":"HS256"})", payload, Secret());
}

tl::expected<Claims, TokenFault> Verify(std::string_view token,
                                        const std::vector<Algorithm>& algorithms = {
                                            Algorithm::kHs256}) {
  return VerifyToken(token, algorithms, KeySet(Secret()));
}

TokenFault FaultOf(std::string_view token) {
  const auto claims = Verify(token);
  EXPECT_FALSE(claims.has_value()) << token;
  return claims ? TokenFault::kClaims : claims.error();
}

TEST(JwtTest, ExampleOfTheRfcIsVerified) {
  // RFC 7515 A.1.
  const std::string_view token =
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
      "fQ."
      "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  const std::string jwks =
      R"({"keys":[{"kty":"oct","k":")"
      R"(AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow)"
      R"("}]})";
  const auto keys = KeySet::FromJwks(jwks);
  ASSERT_TRUE(keys) << keys.error().message;
  const auto claims = VerifyToken(token, std::vector{Algorithm::kHs256}, *keys);
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->issuer, "joe");
  EXPECT_EQ(claims->expires_ms, 1'300'819'380'000);
}

TEST(JwtTest, EveryAlgorithmSignsAndVerifies) {
  const std::pair<Algorithm, Key> pairs[] = {
      {Algorithm::kHs256, Secret()},
      {Algorithm::kHs384, Secret()},
      {Algorithm::kHs512, Secret()},
      {Algorithm::kRs256, *Key::FromPrivatePem(RsaPem().first)},
      {Algorithm::kPs256, *Key::FromPrivatePem(RsaPem().first)},
      {Algorithm::kEs256, *Key::FromPrivatePem(EcPem().first)},
      {Algorithm::kEdDsa, *Key::FromPrivatePem(EdPem().first)},
  };
  Claims claims;
  claims.subject = "somebody";
  claims.expires_ms = 5'000;
  claims.topics = {"room:*"};
  for (const auto& [algorithm, key] : pairs) {
    SCOPED_TRACE(Name(algorithm));
    const auto token = SignToken(claims, algorithm, key);
    ASSERT_TRUE(token);
    const auto read = VerifyToken(*token, std::vector{algorithm}, KeySet(key));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->subject, "somebody");
    EXPECT_EQ(read->expires_ms, 5'000);
    EXPECT_THAT(*read->topics, ElementsAre("room:*"));
    EXPECT_FALSE(read->publish);
    // Each bit of the signature counts.
    const size_t at = token->rfind('.') + 1;
    std::string signature = *DecodeBase64Url(std::string_view(*token).substr(at));
    for (const size_t byte : {size_t{0}, signature.size() / 2, signature.size() - 1}) {
      std::string forged = signature;
      forged[byte] = static_cast<char>(forged[byte] ^ 1);
      EXPECT_FALSE(VerifyToken(token->substr(0, at) + EncodeBase64Url(forged),
                               std::vector{algorithm}, KeySet(key)));
    }
    EXPECT_FALSE(VerifyToken(token->substr(0, at) + EncodeBase64Url(signature + '\0'),
                             std::vector{algorithm}, KeySet(key)));
  }
}

TEST(JwtTest, PublicKeysVerifyAndCannotSign) {
  for (const auto& [pem, algorithm] :
       {std::pair(RsaPem(), Algorithm::kRs256), std::pair(RsaPem(), Algorithm::kPs256),
        std::pair(EcPem(), Algorithm::kEs256), std::pair(EdPem(), Algorithm::kEdDsa)}) {
    const Key ours = *Key::FromPrivatePem(pem.first);
    const Key theirs = *Key::FromPublicPem(pem.second);
    const auto signature = ours.Sign(algorithm, "text");
    ASSERT_TRUE(signature);
    EXPECT_TRUE(theirs.Verify(algorithm, "text", *signature));
    EXPECT_FALSE(theirs.Verify(algorithm, "test", *signature));
    EXPECT_FALSE(theirs.Sign(algorithm, "text"));
  }
}

TEST(JwtTest, AnAlgorithmThatIsNotPinnedIsRefused) {
  const std::string payload = "{}";
  for (const char* header : {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":"HS512"})",
                             R"({"alg":"RS256"})", R"({"alg":""})", R"({"alg":"hs256"})"}) {
    EXPECT_EQ(FaultOf(Token(header, payload, Secret())), TokenFault::kAlgorithm) << header;
  }
  // The public key as an HMAC secret: the classic confusion (RFC 8725 2.1).
  const Key confused = *Key::FromSecret(RsaPem().second);
  const std::string token = Token(R"({"alg":"HS256"})", payload, confused);
  const KeySet keys(*Key::FromPublicPem(RsaPem().second));
  EXPECT_EQ(VerifyToken(token, std::vector{Algorithm::kRs256}, keys).error(),
            TokenFault::kAlgorithm);
  EXPECT_EQ(VerifyToken(token, std::vector{Algorithm::kHs256}, keys).error(), TokenFault::kKey);
}

TEST(JwtTest, WhatIsNoTokenIsRefused) {
  const std::string good = Token("{}");
  ASSERT_TRUE(Verify(good));
  const std::string header = EncodeBase64Url(R"({"alg":"HS256"})");
  for (const std::string& token :
       {std::string(), std::string("."), std::string(".."), std::string("..."), good + ".",
        good + ".x", "." + good, header + "." + header, "!" + good, good + "=", good + "\n",
        EncodeBase64Url("[]") + "." + header + ".", EncodeBase64Url("{}") + "." + header + ".",
        EncodeBase64Url(R"({"alg":5})") + "." + header + ".",
        EncodeBase64Url(R"({"alg":"HS256","crit":["b64"],"b64":false})") + "." + header + "."}) {
    EXPECT_EQ(FaultOf(token), TokenFault::kMalformed) << token;
  }
  EXPECT_EQ(FaultOf(Token("not JSON")), TokenFault::kMalformed);
  EXPECT_EQ(FaultOf(Token("[]")), TokenFault::kMalformed);
  EXPECT_EQ(FaultOf(Token("\"\xff\"")), TokenFault::kMalformed);
  // Nested as deep as a token has room for.
  EXPECT_EQ(FaultOf(Token(std::string(5'000, '['))), TokenFault::kMalformed);
}

TEST(JwtTest, LengthIsBounded) {
  const auto of_size = [](size_t size) {
    std::string padding;
    std::string token;
    do {
      token = Token("{\"x\":\"" + padding + "\"}");
      padding += 'x';
    } while (token.size() < size);
    return token;
  };
  EXPECT_TRUE(Verify(of_size(kMaxTokenBytes - 8)));
  EXPECT_EQ(FaultOf(of_size(kMaxTokenBytes + 1)), TokenFault::kMalformed);
}

TEST(JwtTest, TimesAreNumbersWithFractionsAndAnySize) {
  EXPECT_EQ(Verify(Token(R"({"exp":1.25,"nbf":0.0009})"))->expires_ms, 1'250);
  EXPECT_EQ(Verify(Token(R"({"exp":1.25,"nbf":0.0009})"))->not_before_ms, 0);
  EXPECT_GT(*Verify(Token(R"({"exp":1e300})"))->expires_ms, int64_t{1} << 50);
  EXPECT_LT(*Verify(Token(R"({"exp":-1e300})"))->expires_ms, 0);
  for (const char* payload :
       {R"({"exp":"1"})", R"({"exp":null})", R"({"exp":true})", R"({"nbf":{}})", R"({"exp":[]})"}) {
    EXPECT_EQ(FaultOf(Token(payload)), TokenFault::kClaims) << payload;
  }
}

TEST(JwtTest, ClaimsHaveTheirTypes) {
  const auto claims = Verify(Token(
      R"({"iss":"i","sub":"s","aud":["a","b"],"topics":[],"publish":["x","y*"],"other":{"a":1}})"));
  ASSERT_TRUE(claims);
  EXPECT_THAT(claims->audience, ElementsAre("a", "b"));
  EXPECT_THAT(*claims->topics, ElementsAre());
  EXPECT_THAT(*claims->publish, ElementsAre("x", "y*"));
  EXPECT_FALSE(claims->expires_ms);
  EXPECT_THAT(Verify(Token(R"({"aud":"a"})"))->audience, ElementsAre("a"));
  for (const char* payload : {R"({"iss":1})", R"({"sub":[]})", R"({"aud":5})", R"({"aud":[5]})",
                              R"({"topics":"a"})", R"({"topics":null})", R"({"publish":[null]})"}) {
    EXPECT_EQ(FaultOf(Token(payload)), TokenFault::kClaims) << payload;
  }
}

TEST(JwtTest, KidChoosesAmongTheKeys) {
  const auto keys = KeySet::FromJwks(
      R"({"keys":[{"kty":"oct","kid":"a","k":"YWFh"},{"kty":"oct","kid":"b","k":"YmJi"}]})");
  ASSERT_TRUE(keys);
  const std::vector algorithms{Algorithm::kHs256};
  const auto verify = [&](std::string_view header, std::string_view secret) {
    return VerifyToken(Token(header, "{}", Secret(secret)), algorithms, *keys);
  };
  EXPECT_TRUE(verify(R"({"alg":"HS256","kid":"a"})", "aaa"));
  EXPECT_TRUE(verify(R"({"alg":"HS256","kid":"b"})", "bbb"));
  EXPECT_TRUE(verify(R"({"alg":"HS256"})", "bbb"));
  EXPECT_EQ(verify(R"({"alg":"HS256","kid":"a"})", "bbb").error(), TokenFault::kSignature);
  EXPECT_EQ(verify(R"({"alg":"HS256","kid":"c"})", "aaa").error(), TokenFault::kKey);
  EXPECT_EQ(verify(R"({"alg":"HS256","kid":1})", "aaa").error(), TokenFault::kKey);
}

}  // namespace
}  // namespace sluice::jose
