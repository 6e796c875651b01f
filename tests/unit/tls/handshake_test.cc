// Which servers are taken, which are not, and what is said of them.
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/tls/client_fixture.h"

namespace sluice::tls {
namespace {

using ::testing::HasSubstr;

TEST_F(TlsClientTest, ServerIsToldTheNameAndTheProtocol) {
  Server server({.identity = authority.Issue("DNS:*.app.example")}, [](SSL*, int) {});
  ASSERT_TRUE(Connect(server, Trusting(), "a.app.example.").has_value());
  server.Join();
  EXPECT_EQ(server.asked_name(), "a.app.example");
  EXPECT_EQ(server.alpn(), "http/1.1");
}

TEST_F(TlsClientTest, AddressIsCheckedAndNotToldAsAName) {
  Server server({.identity = authority.Issue("IP:127.0.0.1")}, [](SSL*, int) {});
  ASSERT_TRUE(Connect(server, Trusting(), "127.0.0.1").has_value());
  server.Join();
  EXPECT_EQ(server.asked_name(), "");
}

TEST_F(TlsClientTest, RefusalsSayWhatIsWrong) {
  const auto nothing = [](SSL*, int) {};
  const auto refusal = [&](const Identity& identity, const ClientOptions& options,
                           const std::string& name) {
    Server server({.identity = identity}, nothing);
    return Refusal(server, options, name);
  };
  const Identity good = authority.Issue("DNS:app.example,IP:127.0.0.1");
  EXPECT_EQ(refusal(authority.Issue("DNS:app.example", -7200, -3600), Trusting(), "app.example"),
            "TLS: certificate has expired");
  EXPECT_EQ(refusal(authority.Issue("DNS:app.example", 1800, 3600), Trusting(), "app.example"),
            "TLS: certificate is not yet valid");
  EXPECT_EQ(refusal(good, Trusting(), "other.example"), "TLS: hostname mismatch");
  EXPECT_EQ(refusal(good, Trusting(), "127.0.0.2"), "TLS: IP address mismatch");
  EXPECT_EQ(refusal(good, Trusting(), ""), "TLS: the server's name is not one");
  EXPECT_EQ(refusal(good, {true, Authority("Other Authority").Pem(), "", ""}, "app.example"),
            "TLS: unable to get local issuer certificate");
  EXPECT_EQ(refusal(good, {true, "", "", ""}, "app.example"),
            "TLS: unable to get local issuer certificate");
}

TEST_F(TlsClientTest, NothingIsVerifiedIfNotWanted) {
  const Identity expired = authority.Issue("DNS:other.example", -7200, -3600);
  Server server({.identity = expired}, [](SSL*, int) {});
  EXPECT_TRUE(Connect(server, {false, "", "", ""}).has_value());
}

TEST_F(TlsClientTest, OldProtocolsAreRefused) {
  const Identity good = authority.Issue("DNS:app.example");
  Server old({.identity = good, .max_version = TLS1_1_VERSION}, [](SSL*, int) {});
  EXPECT_THAT(Refusal(old, Trusting()), HasSubstr("protocol"));
  Server newer({.identity = good, .max_version = TLS1_2_VERSION}, [](SSL*, int) {});
  EXPECT_TRUE(Connect(newer, Trusting()).has_value());
}

TEST_F(TlsClientTest, ClientShowsItsCertificate) {
  const Identity own = authority.Issue("DNS:client.example");
  bool shown = false;
  Server server(
      {.identity = authority.Issue("DNS:app.example"), .client_ca = authority.certificate()},
      [&](SSL* ssl, int) {
        X509* certificate = SSL_get1_peer_certificate(ssl);
        shown = certificate != nullptr;
        X509_free(certificate);
        WriteAll(ssl, "welcome");
        SSL_shutdown(ssl);
      });
  ClientOptions options = Trusting();
  options.certificate = own.CertificatePem();
  options.key = own.KeyPem();
  auto stream = Connect(server, options);
  ASSERT_TRUE(stream.has_value()) << stream.error().message;
  Peer peer(*loop);
  Serve(**stream, peer);
  EXPECT_EQ(peer.data, "welcome");
  server.Join();
  EXPECT_TRUE(shown);
}

TEST_F(TlsClientTest, ServerThatWantsACertificateBreaksTheStream) {
  Server server(
      {.identity = authority.Issue("DNS:app.example"), .client_ca = authority.certificate()},
      [](SSL*, int) {});
  auto stream = Connect(server, Trusting());
  ASSERT_TRUE(stream.has_value());  // in TLS 1.3 it says so only after our last word
  Peer peer(*loop);
  Serve(**stream, peer);
  EXPECT_EQ(peer.error, EPROTO);
}

TEST_F(TlsClientTest, BadOptionsAreNamed) {
  const Identity own = authority.Issue("DNS:client.example");
  const auto error = [](const std::string& ca, const std::string& certificate,
                        const std::string& key) {
    const auto made = ClientContext::Make({true, ca, certificate, key});
    return made ? std::string() : made.error().message;
  };
  const std::string torn = "-----BEGIN CERTIFICATE-----\nAAAA\n";
  EXPECT_THAT(error("no PEM", "", ""), HasSubstr("ca: "));
  EXPECT_THAT(error(authority.Pem() + torn, "", ""), HasSubstr("ca: "));
  EXPECT_THAT(error("", own.CertificatePem(), ""), HasSubstr("key: "));
  EXPECT_THAT(error("", "", own.KeyPem()), HasSubstr("certificate: "));
  EXPECT_THAT(error("", "x", own.KeyPem()), HasSubstr("certificate: "));
  EXPECT_THAT(error("", own.CertificatePem() + torn, own.KeyPem()), HasSubstr("certificate: "));
  EXPECT_THAT(error("", own.CertificatePem(), "x"), HasSubstr("key: "));
  EXPECT_THAT(error("", own.CertificatePem(), authority.Issue("DNS:client.example").KeyPem()),
              HasSubstr("key: is not the key of the certificate"));
}

TEST_F(TlsClientTest, HandshakeMayBeGivenUp) {
  const auto made = ClientContext::Make(Trusting());
  ASSERT_TRUE(made.has_value());
  std::unique_ptr<net::Connecting> handshake;
  Server server({.identity = authority.Issue("DNS:app.example")}, [](SSL*, int) {});
  const auto give_up = loop->MakeTimer([&] {
    handshake.reset();
    loop->Stop();
  });
  const auto connecting = network->Connect(server.endpoint(), 5'000, [&](auto tcp) {
    ASSERT_TRUE(tcp.has_value());
    handshake = (*made)->Handshake(*loop, *std::move(tcp), "app.example",
                                   [](auto) { ADD_FAILURE() << "it was given up"; });
    give_up->Start(0);
  });
  loop->Run();
  server.Join();
  EXPECT_EQ(handshake, nullptr);
}

}  // namespace
}  // namespace sluice::tls
