#include <cerrno>
#include <climits>
#include <utility>

#include <arpa/inet.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "sluice/tls/client.h"
#include "tls/handshake.h"
#include "tls/openssl.h"

namespace sluice::tls {
namespace {

constexpr unsigned char kAlpn[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

// An encrypted key is refused instead of asking at the terminal.
int NoPassword(char*, int, int, void*) {
  return -1;
}

BioPtr ReadFrom(const std::string& pem) {
  if (pem.size() > INT_MAX) return nullptr;
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

X509Ptr NextCertificate(BIO* bio) {
  return X509Ptr(PEM_read_bio_X509(bio, nullptr, NoPassword, nullptr));
}

// True if reading stopped at the end of the text, and not at a mistake in it.
bool ReadToTheEnd() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

Result<> UseAuthorities(SSL_CTX* context, const std::string& pem) {
  if (pem.empty()) {
    SSL_CTX_set_default_verify_paths(context);
    return {};
  }
  const BioPtr bio = ReadFrom(pem);
  size_t count = 0;
  while (const X509Ptr certificate = NextCertificate(bio.get())) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get());
    ++count;
  }
  if (!ReadToTheEnd() || count == 0) {
    return sluice::Fail(Errc::kInvalid, "ca: has no certificates in PEM that can be read");
  }
  return {};
}

Result<> UseCertificate(SSL_CTX* context, const ClientOptions& options) {
  if (options.certificate.empty() && options.key.empty()) return {};
  if (options.certificate.empty()) {
    return sluice::Fail(Errc::kInvalid, "certificate: is missing, though there is a key");
  }
  if (options.key.empty()) {
    return sluice::Fail(Errc::kInvalid, "key: is missing, though there is a certificate");
  }
  const BioPtr bio = ReadFrom(options.certificate);
  const X509Ptr own = NextCertificate(bio.get());
  if (own == nullptr || SSL_CTX_use_certificate(context, own.get()) != 1) {
    return sluice::Fail(Errc::kInvalid, "certificate: is no certificate in PEM that can be read");
  }
  while (const X509Ptr issuer = NextCertificate(bio.get())) {
    SSL_CTX_add1_chain_cert(context, issuer.get());
  }
  if (!ReadToTheEnd()) {
    return sluice::Fail(Errc::kInvalid, "certificate: its chain cannot be read");
  }
  const BioPtr key_bio = ReadFrom(options.key);
  const PkeyPtr key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, NoPassword, nullptr));
  if (key == nullptr) {
    return sluice::Fail(Errc::kInvalid,
                        "key: is no private key in PEM, without a password, that can be read");
  }
  if (X509_check_private_key(own.get(), key.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return sluice::Fail(Errc::kInvalid, "key: is not the key of the certificate");
  }
  return {};
}

bool IsAddress(const std::string& name) {
  in6_addr address{};
  return inet_pton(AF_INET, name.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, name.c_str(), &address) == 1;
}

// What the certificate must be for, and what the server is told.
bool SetName(SSL* ssl, std::string name) {
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
  if (IsAddress(name)) return X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str()) == 1;
  if (!name.empty() && name.back() == '.') name.pop_back();
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return !name.empty() && X509_VERIFY_PARAM_set1_host(param, name.c_str(), name.size()) == 1 &&
         SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
}

}  // namespace

struct ClientContext::Library {
  SslContextPtr context;
};

ClientContext::ClientContext(std::unique_ptr<Library> library) : library_(std::move(library)) {}
ClientContext::~ClientContext() = default;

Result<std::shared_ptr<const ClientContext>> ClientContext::Make(const ClientOptions& options) {
  ERR_clear_error();
  SslContextPtr owned(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = owned.get();
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_alpn_protos(context, kAlpn, sizeof kAlpn) != 0) {
    return sluice::Fail(Errc::kUnavailable, "the TLS library cannot be used");
  }
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (options.verify) {
    if (const Result<> used = UseAuthorities(context, options.ca); !used) {
      return tl::unexpected(used.error());
    }
  }
  const Result<> used = UseCertificate(context, options);
  ERR_clear_error();
  if (!used) return tl::unexpected(used.error());
  auto library = std::make_unique<Library>(Library{std::move(owned)});
  return std::shared_ptr<const ClientContext>(new ClientContext(std::move(library)));
}

std::unique_ptr<net::Connecting> ClientContext::Handshake(event::Loop& loop,
                                                          std::unique_ptr<net::Stream> stream,
                                                          const std::string& server_name,
                                                          net::ConnectCallback done) const {
  SslPtr ssl(SSL_new(library_->context.get()));
  SSL_set_connect_state(ssl.get());
  std::string fault;
  if (!SetName(ssl.get(), server_name)) fault = "the server's name is not one";
  return std::make_unique<ClientHandshake>(
      loop, std::make_unique<RecordLayer>(std::move(ssl), std::move(stream)), std::move(fault),
      std::move(done));
}

}  // namespace sluice::tls
