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

// Advice on the proxy: an upstream `app` with these keys and a route to it, and what else is said.
std::vector<std::string> AdviceOnApp(const std::string& keys, const std::string& rest = "") {
  return AdviceFor("listen: 127.0.0.1:80\nupstreams: {app: {" + keys +
                   "}}\nroutes: [{path: /, upstream: app}]\n" + rest);
}

TEST(AdviceTest, UpstreamsThatServeNothingOrThemselvesAreNamed) {
  EXPECT_THAT(AdviceOnApp("servers: [127.0.0.1:3000]"), IsEmpty());
  EXPECT_THAT(AdviceFor("listen: 127.0.0.1:80\nupstreams: {app: {servers: [a:1]}}\n"),
              ElementsAre("upstreams.app: no route or topic sends requests to it"));
  EXPECT_THAT(AdviceFor("listen: 127.0.0.1:80\nupstreams: {app: {servers: [a:1]}}\ntopics: {a: "
                        "{path: /a, auth: {request: {upstream: app, path: /auth}}}}\n"),
              IsEmpty());
  const std::string loop =
      " is where this gateway listens itself: a request would come back to it "
      "again and again";
  for (const char* server : {"127.0.0.1:80", "localhost:80"}) {
    EXPECT_THAT(AdviceOnApp(std::string("servers: [") + server + "]"),
                ElementsAre(std::string("upstreams.app.servers: ") + server + loop));
  }
  EXPECT_THAT(AdviceFor("listen: [\"*:80\", unix:/a]\nupstreams: {app: {servers: [127.0.0.2:80, "
                        "unix:/a, b.example:80, unix:/b]}}\nroutes: [{path: /, upstream: app}]\n"),
              ElementsAre("upstreams.app.servers: 127.0.0.2:80" + loop,
                          "upstreams.app.servers: unix:/a" + loop));
}

TEST(AdviceTest, ChecksAndQueuesThatDoHarmOrNothingAreNamed) {
  EXPECT_THAT(AdviceOnApp("servers: [a:1], health_check: {}"),
              ElementsAre(HasSubstr("upstreams.app.health_check: it has one server")));
  EXPECT_THAT(AdviceOnApp("servers: [a:1, b:1], health_check: {}"), IsEmpty());
  EXPECT_THAT(AdviceOnApp("servers: [a:1], queue: {size: 5}"),
              ElementsAre("upstreams.app.queue: no request waits in it while max_connections is "
                          "0"));
  EXPECT_THAT(AdviceOnApp("servers: [a:1], max_connections: 9, queue: {size: 5}"), IsEmpty());
}

TEST(AdviceTest, UnverifiedTlsIsNamedBeyondThisMachine) {
  EXPECT_THAT(AdviceOnApp("servers: [127.0.0.1:1, a:1], tls: {verify: false}"),
              ElementsAre(HasSubstr("upstreams.app.tls: with \"verify: false\" anyone")));
  EXPECT_THAT(AdviceOnApp("servers: [127.0.0.1:1], tls: {verify: false}"), IsEmpty());
  EXPECT_THAT(AdviceOnApp("servers: [a:1], tls: true"), IsEmpty());
}

TEST(AdviceTest, LargeBodiesInMemoryAreNamed) {
  const std::string start =
      "listen: 127.0.0.1:80\nupstreams: {app: {servers: [a:1]}}\nroutes: [{path: /, upstream: app";
  EXPECT_THAT(AdviceFor(start + ", request_buffering: on}]\n"), IsEmpty());
  EXPECT_THAT(AdviceFor(start + ", body_bytes: 1GiB}]\n"), IsEmpty());
  EXPECT_THAT(AdviceFor(start + ", body_bytes: 1GiB, request_buffering: on}]\n"),
              ElementsAre("routes /: with \"request_buffering: on\" each request may take 1GiB of "
                          "memory; lower body_bytes, or turn it off"));
}

TEST(AdviceTest, InternalThingsThatNothingLeadsToAreNamed) {
  const std::string internal = "topics: {a: {path: /a, internal: true}}\n";
  const std::string why =
      " is internal, but no route that clients reach has an upstream whose X-Accel-Redirect is "
      "trusted: nothing leads to it";
  EXPECT_THAT(AdviceOnApp("servers: [a:1]", internal), IsEmpty());
  EXPECT_THAT(AdviceOnApp("servers: [a:1], trust_x_accel: false", internal),
              ElementsAre("topics.a" + why));
  EXPECT_THAT(AdviceFor("listen: 127.0.0.1:80\nupstreams: {app: {servers: [a:1]}}\nroutes: [{path: "
                        "/x, upstream: app, internal: true}]\n"),
              ElementsAre("routes /x" + why));
}

TEST(AdviceTest, TrustInEveryoneIsNamed) {
  for (const char* all : {"0.0.0.0/0", "\"::/0\"", "\"::ffff:0:0/96\""}) {
    EXPECT_THAT(AdviceFor("listen: 127.0.0.1:80\ntrusted_proxies: [" + std::string(all) + "]\n"),
                ElementsAre(HasSubstr("trusted_proxies: it has every address")))
        << all;
  }
  EXPECT_THAT(AdviceFor("listen: 127.0.0.1:80\ntrusted_proxies: [10.0.0.0/8, unix, ::/8]\n"),
              IsEmpty());
}

}  // namespace
}  // namespace sluice::config
