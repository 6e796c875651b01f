// `upstreams:` and what proxies tell each other: what is read, and each mistake with its place.

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/config/load_for_test.h"

namespace sluice::config {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

const std::string kStart = "listen: 127.0.0.1:80\n";

Upstream ReadOne(const std::string& yaml) {
  const LoadResult result = Load(kStart + "upstreams:\n  app: " + yaml + "\n");
  if (!result) {
    ADD_FAILURE() << result.error().front().ToString();
    return {};
  }
  return (*result)->upstreams.at(0);
}

// Of an upstream whose value begins at 3:8.
std::vector<std::string> Problems(const std::string& yaml) {
  return ProblemsIn(kStart + "upstreams:\n  app: " + yaml + "\n");
}

TEST(UpstreamsTest, ServersHaveAShortAndALongForm) {
  const Upstream upstream = ReadOne(
      "{servers: [127.0.0.1:3000, \"[0::1]:3001\", App.Internal:80, unix:/run/a.sock, "
      "{address: 127.0.0.1:3002, weight: 2, backup: true}]}");
  EXPECT_EQ(upstream.name, "app");
  ASSERT_THAT(upstream.servers, SizeIs(5));
  EXPECT_EQ(upstream.servers[0].endpoint.ToString(), "127.0.0.1:3000");
  EXPECT_EQ(upstream.servers[0].weight, 1U);
  EXPECT_FALSE(upstream.servers[0].backup);
  EXPECT_EQ(upstream.servers[1].endpoint.ToString(), "[::1]:3001");
  EXPECT_EQ(upstream.servers[2].endpoint.ToString(), "app.internal:80") << "and is not resolved";
  EXPECT_EQ(upstream.servers[3].endpoint.ToString(), "unix:/run/a.sock");
  EXPECT_EQ(upstream.servers[4].weight, 2U);
  EXPECT_TRUE(upstream.servers[4].backup);
  EXPECT_FALSE(upstream.tls);
  EXPECT_FALSE(upstream.health_check);
}

TEST(UpstreamsTest, EveryKeyIsRead) {
  const Upstream upstream = ReadOne(R"(
    servers: [a:1]
    balance: least_connections
    keepalive: {connections: 1, timeout: 2s, age: 3s, requests: 4}
    max_connections: 5
    queue: {size: 6, timeout: 7s}
    connect_timeout: 8s
    send_timeout: 9s
    read_timeout: 10s
    health_check: {path: "/up?x=1", host: "a.example:80", interval: 11s, timeout: 10s, rise: 12, fall: 13}
    max_fails: 14
    backoff: 15s
    backoff_max: 16s
    resolve_interval: 17s
    head_bytes: 18KiB
    trust_x_accel: false)");
  EXPECT_EQ(upstream.balance, Balance::kLeastConnections);
  EXPECT_EQ(upstream.keepalive, 1U);
  EXPECT_EQ(upstream.keepalive_timeout_ms, 2'000U);
  EXPECT_EQ(upstream.keepalive_age_ms, 3'000U);
  EXPECT_EQ(upstream.keepalive_requests, 4U);
  EXPECT_EQ(upstream.max_connections, 5U);
  EXPECT_EQ(upstream.queue, 6U);
  EXPECT_EQ(upstream.queue_timeout_ms, 7'000U);
  EXPECT_EQ(upstream.connect_timeout_ms, 8'000U);
  EXPECT_EQ(upstream.send_timeout_ms, 9'000U);
  EXPECT_EQ(upstream.read_timeout_ms, 10'000U);
  ASSERT_TRUE(upstream.health_check);
  EXPECT_EQ(upstream.health_check->path, "/up?x=1");
  EXPECT_EQ(upstream.health_check->host, "a.example:80");
  EXPECT_EQ(upstream.health_check->interval_ms, 11'000U);
  EXPECT_EQ(upstream.health_check->timeout_ms, 10'000U);
  EXPECT_EQ(upstream.health_check->rise, 12U);
  EXPECT_EQ(upstream.health_check->fall, 13U);
  EXPECT_EQ(upstream.max_fails, 14U);
  EXPECT_EQ(upstream.backoff_ms, 15'000U);
  EXPECT_EQ(upstream.backoff_max_ms, 16'000U);
  EXPECT_EQ(upstream.resolve_interval_ms, 17'000U);
  EXPECT_EQ(upstream.head_bytes, 18U * 1024);
  EXPECT_FALSE(upstream.trust_x_accel);
}

TEST(UpstreamsTest, HashedIsAnAddressACookieOrAHeader) {
  EXPECT_EQ(ReadOne("{servers: [a:1], balance: hash}").hash, HashKey{});
  EXPECT_EQ(ReadOne("{servers: [a:1], balance: hash, hash: address}").hash, HashKey{});
  EXPECT_EQ(ReadOne("{servers: [a:1], balance: hash, hash: {cookie: Sid}}").hash,
            (HashKey{HashKey::Kind::kCookie, "Sid"}));
  EXPECT_EQ(ReadOne("{servers: [a:1], balance: hash, hash: {header: X-User}}").hash,
            (HashKey{HashKey::Kind::kHeader, "x-user"}));
  EXPECT_THAT(Problems("{servers: [a:1], hash: address}"),
              ElementsAre("3:31: upstreams.app.hash: is not used without \"balance: hash\""));
  EXPECT_THAT(Problems("{servers: [a:1], balance: hash, hash: uri}"),
              ElementsAre("3:46: upstreams.app.hash: \"uri\" is not address, {cookie: NAME} or "
                          "{header: NAME}"));
  EXPECT_THAT(Problems("{servers: [a:1], balance: hash, hash: {cookie: a, header: b}}"),
              ElementsAre("3:40: upstreams.app.hash: needs exactly one of cookie and header"));
  EXPECT_THAT(Problems("{servers: [a:1], balance: hash, hash: {cookie: \"a b\"}}"),
              ElementsAre("3:55: upstreams.app.hash.cookie: \"a b\" is not a name"));
}

TEST(UpstreamsTest, NumberOfKeptConnectionsStandsAlone) {
  EXPECT_EQ(ReadOne("{servers: [a:1], keepalive: 7}").keepalive, 7U);
  EXPECT_EQ(ReadOne("{servers: [a:1], keepalive: 0}").keepalive, 0U);
  EXPECT_THAT(Problems("{servers: [a:1], keepalive: many}"),
              ElementsAre("3:36: upstreams.app.keepalive: \"many\" is not a whole number"));
}

TEST(UpstreamsTest, ServersAreCheckedWithoutResolvingThem) {
  const std::string no_address =
      " is not the address of a server, such as 127.0.0.1:3000, app.internal:3000, [::1]:3000 or "
      "unix:/run/app.sock; whether it speaks TLS is said by `tls`";
  for (const char* address : {"3000", "app", "http://app:80", "app:0", "*:80", ":80", "app:80/x",
                              "a b:80", "unix:", "app:65536"}) {
    EXPECT_THAT(Problems(std::string("{servers: [\"") + address + "\"]}"),
                ElementsAre(std::string("3:19: upstreams.app.servers[0]: \"") + address + "\"" +
                            no_address));
  }
  EXPECT_THAT(Problems("{}"), ElementsAre("3:3: upstreams.app.servers: is missing; name at least "
                                          "one, such as 127.0.0.1:3000"));
  EXPECT_THAT(Problems("{servers: []}"),
              ElementsAre("3:9: upstreams.app.servers: is an empty list"));
  EXPECT_THAT(Problems("{servers: [a:1, A:1]}"),
              ElementsAre("3:24: upstreams.app.servers[1]: this address is that of "
                          "upstreams.app.servers[0] on line 3"));
  EXPECT_THAT(Problems("{servers: [{address: a:1, backup: true}]}"),
              ElementsAre("3:9: upstreams.app.servers: has backups only; one server must be none"));
  EXPECT_THAT(Problems("{servers: [{weight: 0}]}"),
              ElementsAre("3:19: upstreams.app.servers[0].address: is missing",
                          "3:28: upstreams.app.servers[0].weight: \"0\" is not between 1 and "
                          "1000"));
  std::string many = "{servers: [a:1";
  for (int port = 2; port <= 257; ++port) many += ", a:" + std::to_string(port);
  EXPECT_THAT(Problems(many + "]}"),
              ElementsAre("3:9: upstreams.app.servers: has 257 servers; 256 is the most"));
}

TEST(UpstreamsTest, NamesAreThoseOfTopics) {
  EXPECT_THAT(ProblemsIn(kStart + "upstreams: {\"a b\": {servers: [a:1]}}\n"),
              ElementsAre("2:13: upstreams.a b: an upstream's name is 1 to 128 letters, digits, "
                          "and _ . : - (but not sluice:...)"));
}

TEST(UpstreamsTest, TimesFitTogether) {
  EXPECT_THAT(
      Problems("{servers: [a:1], health_check: {interval: 1s, timeout: 2s}}"),
      ElementsAre("3:63: upstreams.app.health_check.timeout: \"2s\" is longer than the interval "
                  "(1s): one check ends before the next"));
  EXPECT_EQ(ReadOne("{servers: [a:1], health_check: {interval: 1s}}").health_check->timeout_ms,
            1'000U);
  EXPECT_THAT(Problems("{servers: [a:1], backoff: 2s, backoff_max: 1s}"),
              ElementsAre("3:51: upstreams.app.backoff_max: \"1s\" is shorter than backoff (2s)"));
  EXPECT_EQ(ReadOne("{servers: [a:1], backoff: 1m}").backoff_max_ms, 60'000U);
}

TEST(UpstreamsTest, WhatIsSentIsChecked) {
  const std::string no_path =
      " is not the path of a request such as /auth or /auth?from=proxy; other characters are "
      "written as %XX";
  for (const char* path : {"up", "/a b", "/a#b", "/ä", ""}) {
    EXPECT_THAT(Problems(std::string("{servers: [a:1], health_check: {path: \"") + path + "\"}}"),
                ElementsAre(std::string("3:46: upstreams.app.health_check.path: \"") + path + "\"" +
                            no_path));
  }
  const std::string no_host =
      " is not HOST or HOST:PORT, such as app.example, 127.0.0.1:3000 or [::1]";
  for (const char* host : {"a b", "a:b", "a:0", "[x]", "::1", "a..b", ".a", "a/b", "a@b"}) {
    EXPECT_THAT(Problems(std::string("{servers: [a:1], health_check: {host: \"") + host + "\"}}"),
                ElementsAre(std::string("3:46: upstreams.app.health_check.host: \"") + host + "\"" +
                            no_host));
  }
}

class UpstreamTlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("sluice-tls." + std::to_string(getpid()));
    std::filesystem::create_directory(folder_);
    std::ofstream(folder_ / "cert.pem") << kCertificate;
    std::ofstream(folder_ / "key.pem") << kKey;
    std::ofstream(folder_ / "text") << "hello";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  LoadResult LoadTls(const std::string& tls, const std::string& server = "a:1") {
    const std::string text =
        kStart + "upstreams: {app: {servers: [\"" + server + "\"], tls: " + tls + "}}\n";
    return ParseConfig(text, (folder_ / "f.yaml").string(),
                       [](const std::string&) { return std::nullopt; });
  }
  std::string Problem(const std::string& tls, const std::string& server = "a:1") {
    const LoadResult result = LoadTls(tls, server);
    return result ? "" : result.error().front().key + ": " + result.error().front().message;
  }

  const std::string kCertificate = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
  const std::string kKey = "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n";
  std::filesystem::path folder_;
};

TEST_F(UpstreamTlsTest, IsASwitchOrAMap) {
  EXPECT_EQ((*LoadTls("true"))->upstreams[0].tls, UpstreamTls{});
  EXPECT_EQ((*LoadTls("false"))->upstreams[0].tls, std::nullopt);
  const LoadResult result = LoadTls(
      "{server_name: app.example, ca: file:cert.pem, certificate: cert.pem, key: file:key.pem}");
  ASSERT_TRUE(result) << result.error().front().ToString();
  EXPECT_EQ((*result)->upstreams[0].tls, (UpstreamTls{.verify = true,
                                                      .server_name = "app.example",
                                                      .ca = kCertificate,
                                                      .certificate = kCertificate,
                                                      .key = kKey}));
  EXPECT_FALSE((*LoadTls("{verify: false}"))->upstreams[0].tls->verify);
  EXPECT_EQ(Problem("yes"),
            "upstreams.app.tls: \"yes\" is not true, false or a map such as {ca: file:ca.pem}");
}

TEST_F(UpstreamTlsTest, FilesAreThereAndHoldWhatTheyShould) {
  EXPECT_EQ(Problem("{ca: missing.pem}"), "upstreams.app.tls.ca: the file " +
                                              (folder_ / "missing.pem").string() +
                                              " cannot be opened: No such file or directory");
  EXPECT_EQ(Problem("{ca: file:text}"), "upstreams.app.tls.ca: holds no CERTIFICATE in PEM");
  EXPECT_EQ(Problem("{certificate: cert.pem, key: cert.pem}"),
            "upstreams.app.tls.key: holds no PRIVATE KEY in PEM");
  EXPECT_EQ(Problem("{key: key.pem}"), "upstreams.app.tls: needs certificate and key, or neither");
  EXPECT_EQ(Problem("{verify: false, ca: cert.pem}"),
            "upstreams.app.tls.ca: is not used with \"verify: false\"");
}

TEST_F(UpstreamTlsTest, UnixSocketNeedsANameForTheCertificate) {
  const std::string problem =
      "upstreams.app.tls: needs server_name: a unix socket has no name for the certificate to be "
      "for";
  EXPECT_EQ(Problem("true", "unix:/a"), problem);
  EXPECT_EQ(Problem("{verify: true}", "unix:/a"), problem);
  EXPECT_EQ(Problem("{verify: false}", "unix:/a"), "");
  EXPECT_EQ(Problem("{server_name: a.example}", "unix:/a"), "");
}

TEST(ForwardingTest, RangesAreReadAsMappedAddresses) {
  const LoadResult result =
      Load(kStart +
           "trusted_proxies: [192.0.2.1, 10.0.0.0/8, \"::1\", \"2001:db8::/33\", unix]\nvia: off\n"
           "forwarded: on\n");
  ASSERT_TRUE(result) << result.error().front().ToString();
  const Forwarding& forwarding = (*result)->forwarding;
  ASSERT_THAT(forwarding.trusted_proxies, SizeIs(5));
  const AddressRange& ten = forwarding.trusted_proxies[1];
  EXPECT_EQ(forwarding.trusted_proxies[0].bits, 128);
  EXPECT_EQ(ten.bits, 104);
  EXPECT_EQ(ten.base[11], 0xFF);
  EXPECT_EQ(ten.base[12], 10);
  EXPECT_EQ(forwarding.trusted_proxies[2].base[15], 1);
  EXPECT_EQ(forwarding.trusted_proxies[3].bits, 33);
  EXPECT_TRUE(forwarding.trusted_proxies[4].unix_sockets);
  EXPECT_FALSE(forwarding.via);
  EXPECT_TRUE(forwarding.forwarded);
}

TEST(ForwardingTest, MistakesAreNamed) {
  const std::string no_range =
      " is not an address such as 192.0.2.1 or ::1, a range such as 10.0.0.0/8, or unix";
  for (const char* range : {"10.0.0.0/33", "::/129", "10.0.0", "host", "10.0.0.0/", "/8",
                            "10.0.0.0/08", "unix:/a", "10.0.0.0/8/8"}) {
    EXPECT_THAT(ProblemsIn(kStart + "trusted_proxies: [\"" + range + "\"]\n"),
                ElementsAre(std::string("2:19: trusted_proxies[0]: \"") + range + "\"" + no_range));
  }
  EXPECT_THAT(ProblemsIn(kStart + "trusted_proxies: [10.0.0.1/8, \"2001:db8::/15\", ::1, ::1]\n"),
              ElementsAre("2:19: trusted_proxies[0]: \"10.0.0.1/8\" has bits behind its prefix: "
                          "they would count for nothing",
                          "2:31: trusted_proxies[1]: \"2001:db8::/15\" has bits behind its "
                          "prefix: they would count for nothing",
                          "2:53: trusted_proxies[3]: \"::1\" is in the list already"));
  EXPECT_THAT(ProblemsIn(kStart + "via: yes\n"),
              ElementsAre("2:6: via: \"yes\" is not one of: on, off, true, false"));
}

}  // namespace
}  // namespace sluice::config
