// The client's side of TLS, for connections to upstreams (RFC 8446, RFC 5246; names by RFC 6125).
// TLS 1.2 or 1.3, ALPN http/1.1, no renegotiation, no resumption: kept connections make handshakes
// rare.
#pragma once

#include <memory>
#include <string>

#include "sluice/base/result.h"
#include "sluice/event/loop.h"
#include "sluice/net/connector.h"

namespace sluice::tls {

struct ClientOptions {
  bool verify = true;       // the chain, the time and the name
  std::string ca;           // certificates in PEM that chains may end in; empty: the system's
  std::string certificate;  // of this client, in PEM, with its chain; empty: none
  std::string key;          // its private key, in PEM, without a password
};

// Immutable: any thread, one for all connections that share the options. Connections may outlive
// it.
class ClientContext {
 public:
  // Fails (kInvalid) if PEM cannot be read, or the key is not that of the certificate; the message
  // begins with the option's name.
  [[nodiscard]] static Result<std::shared_ptr<const ClientContext>> Make(
      const ClientOptions& options);
  ~ClientContext();
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;

  // Makes a TLS stream of a connected one. `server_name` is a DNS name or a numeric address: what
  // the certificate must be for, and, if a name, what the server is told (SNI). `done` comes
  // exactly once, in a later turn, unless the Connecting is destroyed first, which closes the
  // connection; there is no timeout here. Its error says what is wrong, in the library's own words
  // for certificates: "TLS: certificate has expired", "TLS: hostname mismatch". `loop` outlives the
  // stream, and all is on its thread.
  //
  // The stream, beyond net::Stream: OnEnd comes after the peer's close_notify; a connection that
  // ends without one may have been cut by anyone, and is told as OnClosed(ECONNRESET). A broken
  // record or an alert is OnClosed(EPROTO). What TryWrite took may wait in here, encrypted: one
  // record at most. ShutdownWrite sends close_notify before FIN, the destructor tries to.
  [[nodiscard]] std::unique_ptr<net::Connecting> Handshake(event::Loop& loop,
                                                           std::unique_ptr<net::Stream> stream,
                                                           const std::string& server_name,
                                                           net::ConnectCallback done) const;

 private:
  struct Library;
  explicit ClientContext(std::unique_ptr<Library> library);

  std::unique_ptr<Library> library_;
};

}  // namespace sluice::tls
