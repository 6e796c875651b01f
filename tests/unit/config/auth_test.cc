// `auth` and `cors`: what is read, and each kind of mistake.

#include <cstdio>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/config/load_for_test.h"

namespace sluice::config {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kListen = "listen: 127.0.0.1:80\n";

std::vector<std::string> ProblemsOf(const std::string& yaml) {
  return ProblemsIn(kListen + yaml, {{"SECRET", "s3cret-of-the-environment"}});
}

// A scheme `m` with these further keys.
std::vector<std::string> SchemeProblems(const std::string& keys) {
  return ProblemsOf("auth:\n  m:\n    token: {bearer: true}\n" + keys);
}

TEST(AuthConfigTest, PlacesKeepTheOrderOfTheFile) {
  const LoadResult result = Load(std::string(kListen) + R"(
auth:
  a: {token: {query: t, cookie: c, bearer: true}, static: [{token: x}]}
  b: {token: {bearer: true, cookie: c, query: t}, static: [{token: x}]}
  c: {token: {cookie: c, bearer: false}, static: [{token: x}]}
)");
  ASSERT_TRUE(result) << result.error().front().ToString();
  using Kind = TokenPlace::Kind;
  const auto& auth = (*result)->auth;
  const TokenPlace query{Kind::kQuery, "t"};
  const TokenPlace cookie{Kind::kCookie, "c"};
  const TokenPlace bearer{Kind::kBearer, ""};
  EXPECT_THAT(auth[0].places, ElementsAre(query, cookie, bearer));
  EXPECT_THAT(auth[1].places, ElementsAre(bearer, cookie, query));
  EXPECT_THAT(auth[2].places, ElementsAre(cookie));
}

TEST(AuthConfigTest, EveryKeyReachesItsField) {
  const LoadResult result = Load(std::string(kListen) + R"(
auth:
  m:
    token: {bearer: true}
    jwt: {algorithms: [HS256, HS512], secret: "${SECRET}", issuer: i, audience: a, leeway: 5s}
    static: [{token: "${SECRET}", subject: acme, topics: [prices], publish: []}]
    topics: ["room:*", news]
    publish: [chat]
cors: {origins: ["https://a.example", "http://b:81"], credentials: true, max_age: 5s}
topics: {t: {path: /t, auth: m}, u: {path: /u, auth: none}, v: {path: /v}}
publish: [{path: "/p/{topic}", auth: m}, {path: "/q/{topic}", auth: none}]
)",
                                 {{"SECRET", "a secret of the environment"}});
  ASSERT_TRUE(result) << result.error().front().ToString();
  const Config& config = **result;
  const AuthScheme& scheme = config.auth.at(0);
  EXPECT_EQ(scheme.name, "m");
  ASSERT_TRUE(scheme.jwt);
  EXPECT_THAT(scheme.jwt->algorithms,
              ElementsAre(jose::Algorithm::kHs256, jose::Algorithm::kHs512));
  EXPECT_TRUE(scheme.jwt->keys->Fits(jose::Algorithm::kHs256));
  EXPECT_EQ(scheme.jwt->key_text, jose::Sha256("a secret of the environment"));
  EXPECT_EQ(scheme.jwt->issuer, "i");
  EXPECT_EQ(scheme.jwt->audience, "a");
  EXPECT_EQ(scheme.jwt->leeway_ms, 5'000U);
  EXPECT_EQ(scheme.tokens.at(0).digest, jose::Sha256("a secret of the environment"));
  EXPECT_EQ(scheme.tokens[0].subject, "acme");
  EXPECT_THAT(*scheme.tokens[0].topics, ElementsAre("prices"));
  EXPECT_THAT(*scheme.tokens[0].publish, IsEmpty());
  EXPECT_THAT(*scheme.topics, ElementsAre("room:*", "news"));
  EXPECT_THAT(*scheme.publish, ElementsAre("chat"));
  EXPECT_THAT(config.cors->origins, ElementsAre("https://a.example", "http://b:81"));
  EXPECT_TRUE(config.cors->credentials);
  EXPECT_EQ(config.cors->max_age_ms, 5'000U);
  EXPECT_EQ(config.topics[0].auth, "m");
  EXPECT_EQ(config.topics[1].auth, "");
  EXPECT_EQ(config.topics[2].auth, "");
  EXPECT_EQ(config.publish[0].auth, "m");
  EXPECT_EQ(config.publish[1].auth, "");
}

TEST(AuthConfigTest, SchemesAreCompleteAndNamed) {
  EXPECT_THAT(ProblemsOf("auth: {m: {static: [{token: x}]}}\n"),
              ElementsAreArray({"2:8: auth.m.token: is missing; say where a token is looked for, "
                                "such as {query: token, cookie: session, bearer: true}"}));
  EXPECT_THAT(ProblemsOf("auth: {m: {token: {}, static: [{token: x}]}}\n"),
              ElementsAreArray({"2:12: auth.m.token: names no place where a token is looked for"}));
  EXPECT_THAT(
      ProblemsOf("auth: {m: {token: {query: \"a b\"}, static: [{token: x}]}}\n"),
      ElementsAreArray({"2:27: auth.m.token.query: \"a b\" is not a name of 1 to 64 letters, "
                        "digits, and _ - ."}));
  EXPECT_THAT(ProblemsOf("auth: {m: {token: {bearer: true}}}\n"),
              ElementsAreArray({"2:8: auth.m: accepts no token: give it jwt or static"}));
  EXPECT_THAT(
      ProblemsOf("auth: {none: {token: {bearer: true}, static: [{token: x}]}}\n"),
      ElementsAreArray({"2:8: auth.none: a scheme's name is 1 to 64 letters, digits, and _ - . "
                        "(but not none)"}));
  EXPECT_THAT(
      SchemeProblems("    static: [{token: same}, {token: same}]\n"),
      ElementsAreArray({"5:37: auth.m.static[1].token: is the token of an earlier entry, too"}));
  EXPECT_THAT(SchemeProblems("    static: [{token: \"\"}, {subject: a}]\n"),
              ElementsAreArray({"5:22: auth.m.static[0].token: is empty",
                                "5:27: auth.m.static[1].token: is missing"}));
  EXPECT_THAT(SchemeProblems("    static: [{token: x}]\n    topics: [\"\"]\n"),
              ElementsAreArray({"6:14: auth.m.topics[0]: \"\" is not 1 to 256 bytes long"}));
}

TEST(AuthConfigTest, AlgorithmsArePinnedAndFitTheKey) {
  EXPECT_THAT(
      SchemeProblems("    jwt: {secret: x}\n"),
      ElementsAreArray({"5:5: auth.m.jwt.algorithms: is missing; name those that tokens are "
                        "signed with, such as [HS256]"}));
  EXPECT_THAT(SchemeProblems("    jwt: {secret: x, algorithms: []}\n"),
              ElementsAreArray({"5:22: auth.m.jwt.algorithms: is an empty list"}));
  const std::string known = " is not one of: HS256, HS384, HS512, RS256, PS256, ES256, EdDSA";
  EXPECT_THAT(SchemeProblems("    jwt: {secret: x, algorithms: [none, hs256]}\n"),
              ElementsAreArray({"5:35: auth.m.jwt.algorithms[0]: \"none\"" + known,
                                "5:41: auth.m.jwt.algorithms[1]: \"hs256\"" + known}));
  EXPECT_THAT(
      SchemeProblems("    jwt: {secret: x, algorithms: [HS256, RS256]}\n"),
      ElementsAreArray({"5:42: auth.m.jwt.algorithms[1]: \"RS256\" does not fit the key: it "
                        "takes another kind of key"}));
  EXPECT_THAT(
      SchemeProblems("    jwt: {secret: x, jwks: y, algorithms: [HS256]}\n"),
      ElementsAreArray({"5:5: auth.m.jwt: needs exactly one of secret, public_key and jwks"}));
  EXPECT_THAT(SchemeProblems("    jwt: {secret: \"\", algorithms: [HS256]}\n"),
              ElementsAreArray({"5:19: auth.m.jwt.secret: is empty"}));
  EXPECT_THAT(SchemeProblems("    jwt: {jwks: '{\"keys\": []}', algorithms: [HS256]}\n"),
              ElementsAreArray({"5:17: auth.m.jwt.jwks: has no key for signatures that is known "
                                "here"}));
}

TEST(AuthConfigTest, SecretsAreInNoProblem) {
  for (const char* keys :
       {"    jwt: {secret: [hidden-value], algorithms: [HS256]}\n",
        "    jwt: {public_key: \"-----BEGIN hidden-value\", algorithms: [RS256]}\n",
        "    jwt: {jwks: '{\"keys\": [{\"kty\": \"oct\", \"kx\": \"hidden-value\"}]}', algorithms: "
        "[HS256]}\n",
        "    jwt: {secret: \"hidden-value${NOT_SET}\", algorithms: [HS256]}\n",
        "    static: [{token: hidden-value}, {token: hidden-value}]\n",
        "    jwt: {secret: \"${SECRET}\", algorithms: [RS256]}\n"}) {
    const auto problems = SchemeProblems(keys);
    EXPECT_FALSE(problems.empty()) << keys;
    for (const std::string& problem : problems) {
      EXPECT_THAT(problem, Not(HasSubstr("hidden-value")));
      EXPECT_THAT(problem, Not(HasSubstr("s3cret")));
    }
  }
}

TEST(AuthConfigTest, RoutesNameSchemesThatAreThere) {
  EXPECT_THAT(ProblemsOf("topics: {a: {path: /a, auth: members}}\n"),
              ElementsAreArray({"2:30: topics.a.auth: \"members\" is not a scheme under `auth`"}));
  EXPECT_THAT(
      ProblemsOf("auth: {members: {token: {bearer: true}, static: [{token: x}]}}\n"
                 "publish: [{path: \"/{topic}\", auth: member}]\n"),
      ElementsAreArray({"3:36: publish[0].auth: \"member\" is not a scheme under `auth`; did "
                        "you mean \"members\"?"}));
  EXPECT_THAT(ProblemsOf("auth: {m: {token: {query: key}, static: [{token: x}]}}\n"
                         "topics: {a: {path: /a, auth: m, format: json, filter: [key]}}\n"),
              ElementsAreArray({"3:47: topics.a.filter: has \"key\", where auth.m looks for a "
                                "token"}));
}

TEST(AuthConfigTest, OriginsAreAsBrowsersSendThem) {
  for (const char* origin : {"app.example", "https://app.example/", "https://", "ftp://a",
                             "https://App.example", "https://*.example"}) {
    EXPECT_THAT(ProblemsOf(std::string("cors: {origins: [\"") + origin + "\"]}\n"),
                ElementsAre(HasSubstr("is not an origin such as https://app.example")))
        << origin;
  }
  EXPECT_THAT(ProblemsOf("cors: {origins: [\"*\"]}\n"), IsEmpty());
  EXPECT_THAT(ProblemsOf("cors: {origins: [\"null\"]}\n"), IsEmpty());
  EXPECT_THAT(
      ProblemsOf("cors: {origins: [\"*\"], credentials: true}\n"),
      ElementsAreArray({"2:37: cors.credentials: cannot be true with the origin \"*\": list "
                        "the origins that may send cookies"}));
  EXPECT_THAT(ProblemsOf("cors: {origins: [\"*\", \"https://a\"]}\n"),
              ElementsAreArray({"2:8: cors.origins: \"*\" stands for all origins, and alone"}));
  EXPECT_THAT(ProblemsOf("cors: {credentials: true}\n"),
              ElementsAreArray({"2:1: cors.origins: is missing"}));
}

class AuthFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) / "auth_files_test";
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) {
    std::FILE* file = std::fopen((folder_ / name).c_str(), "w");
    ASSERT_NE(file, nullptr);
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
  }
  LoadResult LoadScheme(const std::string& keys) {
    Write("c.yaml", kListen + ("auth: {m: {token: {bearer: true}, " + keys + "}}\n"));
    return LoadConfig((folder_ / "c.yaml").string());
  }

  std::filesystem::path folder_;
};

TEST_F(AuthFilesTest, SecretsComeFromFilesBesideTheConfiguration) {
  Write("a.secret", "the secret\n");
  const LoadResult result = LoadScheme(
      "jwt: {algorithms: [HS256], secret: file:a.secret}, static: [{token: file:a.secret}]");
  ASSERT_TRUE(result) << result.error().front().ToString();
  EXPECT_EQ((*result)->auth[0].jwt->key_text, jose::Sha256("the secret"));
  EXPECT_EQ((*result)->auth[0].tokens[0].digest, jose::Sha256("the secret"));
}

TEST_F(AuthFilesTest, KeySetsComeFromFilesWithOrWithoutThePrefix) {
  Write("keys.json", R"({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]})");
  for (const char* name : {"keys.json", "file:keys.json"}) {
    const LoadResult result =
        LoadScheme(std::string("jwt: {algorithms: [HS256], jwks: ") + name + "}");
    ASSERT_TRUE(result) << result.error().front().ToString();
    EXPECT_TRUE((*result)->auth[0].jwt->keys->Fits(jose::Algorithm::kHs256));
  }
}

TEST_F(AuthFilesTest, MissingFilesAreNamed) {
  const LoadResult result = LoadScheme("jwt: {algorithms: [HS256], secret: file:none}");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().front().ToString(),
            (folder_ / "c.yaml").string() + ":2:70: auth.m.jwt.secret: the file " +
                (folder_ / "none").string() + " cannot be opened: No such file or directory");
}

TEST_F(AuthFilesTest, FilesAreBounded) {
  Write("big", std::string(size_t{1024} * 1024 + 1, 'x'));
  const LoadResult result = LoadScheme("jwt: {algorithms: [HS256], secret: file:big}");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().front().ToString(), HasSubstr("is larger than 1 MiB"));
}

}  // namespace
}  // namespace sluice::config
