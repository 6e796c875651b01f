#include "sluice/config/advice.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/config/load_for_test.h"

namespace sluice::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> AdviceFor(const std::string& yaml) {
  const LoadResult result = Load(yaml);
  EXPECT_TRUE(result) << result.error().front().ToString();
  return result ? AdviceOn(**result) : std::vector<std::string>{"not valid"};
}

std::string Scheme(const std::string& algorithms, size_t secret_bytes) {
  return "listen: 127.0.0.1:80\nauth: {m: {token: {bearer: true}, jwt: {algorithms: " + algorithms +
         ", secret: " + std::string(secret_bytes, 's') + "}}}\n";
}

TEST(AdviceTest, ShortSecretsAreNamedAndNotShown) {
  EXPECT_THAT(AdviceFor(Scheme("[HS256]", 32)), IsEmpty());
  EXPECT_THAT(AdviceFor(Scheme("[HS256]", 31)),
              ElementsAre("auth.m.jwt: a secret of 31 bytes is short for HS256, which wants 32: it "
                          "may be guessed; make one with `openssl rand -hex 32`"));
  EXPECT_THAT(AdviceFor(Scheme("[HS256, HS384, HS512]", 40)),
              ElementsAre(HasSubstr("HS384, which wants 48"), HasSubstr("HS512, which wants 64")));
}

TEST(AdviceTest, OpenPublishingBeyondThisMachineIsNamed) {
  const std::string open = "publish: [{path: \"/p/{topic}\", auth: none}]\n";
  for (const char* local : {"127.0.0.1:80", "127.8.0.1:80", "\"[::1]:80\"", "unix:/run/s.sock"}) {
    EXPECT_THAT(AdviceFor("listen: " + std::string(local) + "\n" + open), IsEmpty()) << local;
  }
  EXPECT_THAT(
      AdviceFor("listen: [127.0.0.1:80, \"*:81\"]\n" + open),
      ElementsAre("publish: everyone who reaches 0.0.0.0:81 may publish on /p/{topic} (auth: "
                  "none); give it a scheme, or listen on a loopback address"));
  EXPECT_THAT(
      AdviceFor("listen: \"*:81\"\nauth: {m: {token: {bearer: true}, static: [{token: x}]}}\n"
                "publish: [{path: \"/p/{topic}\", auth: m}]\n"),
      IsEmpty());
}

}  // namespace
}  // namespace sluice::config
