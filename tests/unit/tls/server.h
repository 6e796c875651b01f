// A TLS server for one connection, on a thread of its own with blocking calls: what the client's
// side is tested against is OpenSSL as others use it.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "sluice/net/address.h"
#include "unit/tls/certificates.h"

namespace sluice::tls {

struct ServerOptions {
  Identity identity;
  int max_version = 0;        // of the protocol; 0: the newest
  X509* client_ca = nullptr;  // asks for a certificate that this one signed
};

class Server {
 public:
  // `serve` runs when the handshake is done; it does not when the handshake failed.
  Server(const ServerOptions& options, std::function<void(SSL*, int fd)> serve)
      : context_(SSL_CTX_new(TLS_server_method())), serve_(std::move(serve)) {
    SSL_CTX_use_certificate(context_, options.identity.certificate.get());
    SSL_CTX_use_PrivateKey(context_, options.identity.key.get());
    if (options.max_version != 0) {
      SSL_CTX_set_security_level(context_, 0);  // TLS 1.1 signs with SHA-1
      SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
      SSL_CTX_set_max_proto_version(context_, options.max_version);
    }
    if (options.client_ca != nullptr) {
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), options.client_ca);
      SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    SSL_CTX_set_alpn_select_cb(context_, &Server::SelectAlpn, nullptr);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    listen(listener_, 1);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    endpoint_ = {.host = "127.0.0.1", .port = ntohs(address.sin_port), .unix_path = {}};
    thread_ = std::thread([this] { Run(); });
  }
  ~Server() {
    Join();
    close(listener_);
    SSL_CTX_free(context_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] const net::Endpoint& endpoint() const { return endpoint_; }
  // Waits for the end of its connection. What `serve` has left behind may be looked at after it.
  void Join() {
    shutdown(listener_, SHUT_RDWR);  // if no client came
    if (thread_.joinable()) thread_.join();
  }

  // After Join, or from inside `serve`.
  [[nodiscard]] const std::string& asked_name() const { return asked_name_; }
  [[nodiscard]] const std::string& alpn() const { return alpn_; }

 private:
  static int SelectAlpn(SSL*, const unsigned char** out, unsigned char* out_size,
                        const unsigned char* in, unsigned int in_size, void*) {
    static const unsigned char kOffered[] = "\x02h2\x08http/1.1";
    return SSL_select_next_proto(const_cast<unsigned char**>(out), out_size, kOffered,
                                 sizeof kOffered - 1, in, in_size) == OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_ALERT_FATAL;
  }

  void Run() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    SSL* ssl = SSL_new(context_);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
      if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) asked_name_ = name;
      const unsigned char* alpn = nullptr;
      unsigned int size = 0;
      SSL_get0_alpn_selected(ssl, &alpn, &size);
      alpn_.assign(reinterpret_cast<const char*>(alpn), size);
      serve_(ssl, fd);
    }
    SSL_free(ssl);
    close(fd);
  }

  SSL_CTX* context_;
  std::function<void(SSL*, int)> serve_;
  int listener_;
  net::Endpoint endpoint_;
  std::string asked_name_;
  std::string alpn_;
  std::thread thread_;
};

}  // namespace sluice::tls
