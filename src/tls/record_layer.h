// One TLS connection over a net::Stream: OpenSSL's state and the bytes on their way. It calls
// nobody back: whoever owns it is the inner stream's handler, gives it what arrives, and asks it to
// go on. Loop-thread only.
//
// Arriving bytes are read by OpenSSL where they lie. Leaving ones are collected in `out_`, and more
// is encrypted only when it is empty: a record at most waits here.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "sluice/net/stream.h"
#include "tls/openssl.h"

namespace sluice::tls {

class RecordLayer {
 public:
  static constexpr size_t kRecordBytes = 16 * 1024;  // of plain text in a record, at most

  RecordLayer(SslPtr ssl, std::unique_ptr<net::Stream> stream);
  // Closes, with a close_notify if the kernel takes it now.
  ~RecordLayer();
  RecordLayer(const RecordLayer&) = delete;
  RecordLayer& operator=(const RecordLayer&) = delete;

  enum class Step : uint8_t { kDone, kMore, kFailed };
  // As far as the bytes that are here allow. After kFailed see HandshakeError.
  [[nodiscard]] Step Handshake();
  [[nodiscard]] std::string HandshakeError() const;

  // What arrived. REQUIRES: KeepRest before the bytes go.
  void Give(std::string_view bytes);
  // Copies what has not been read yet.
  void KeepRest();

  // > 0: bytes of plain text; 0: close_notify came; < 0: -EAGAIN, or another negated errno, and the
  // connection is of no more use.
  [[nodiscard]] ssize_t Read(std::span<char> into);
  // There may be something for Read.
  [[nodiscard]] bool readable() const;

  // As net::Stream::TryWrite.
  [[nodiscard]] ssize_t Write(std::span<const iovec> parts);
  // close_notify, and FIN when all has left.
  void ShutdownWrite();
  // Sends what waits: 0 or a negated errno.
  [[nodiscard]] int Flush();
  [[nodiscard]] bool flushed() const { return sent_ == out_.size(); }

  [[nodiscard]] net::Stream& stream() { return *stream_; }

 private:
  friend struct RecordBio;

  [[nodiscard]] int Fail(int error);

  SslPtr ssl_;
  std::unique_ptr<net::Stream> stream_;
  std::string_view input_;  // in the loop's buffer or in kept_
  std::string kept_;
  std::string out_;
  size_t sent_ = 0;  // of out_
  bool fin_owed_ = false;
  bool broken_ = false;  // OpenSSL must not be asked anything more
};

}  // namespace sluice::tls
