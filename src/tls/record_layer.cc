#include "tls/record_layer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "sluice/base/memory.h"

namespace sluice::tls {

// The BIO through which OpenSSL sees the connection.
struct RecordBio {
  static int Read(BIO* bio, char* into, int size) {
    auto* self = static_cast<RecordLayer*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (self->input_.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const size_t n = std::min(self->input_.size(), static_cast<size_t>(std::max(size, 0)));
    memcpy(into, self->input_.data(), n);
    self->input_.remove_prefix(n);
    return static_cast<int>(n);
  }

  static int Write(BIO* bio, const char* bytes, int size) {
    auto* self = static_cast<RecordLayer*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    self->out_.append(bytes, static_cast<size_t>(std::max(size, 0)));
    return size;
  }

  static long Control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static int Create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }

  static BIO* Make(RecordLayer& owner) {
    static BIO_METHOD* const kMethod = [] {
      BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
      BIO_meth_set_read(method, &Read);
      BIO_meth_set_write(method, &Write);
      BIO_meth_set_ctrl(method, &Control);
      BIO_meth_set_create(method, &Create);
      return method;
    }();
    BIO* bio = BIO_new(kMethod);
    BIO_set_data(bio, &owner);
    return bio;
  }
};

RecordLayer::RecordLayer(SslPtr ssl, std::unique_ptr<net::Stream> stream)
    : ssl_(std::move(ssl)), stream_(std::move(stream)) {
  BIO* bio = RecordBio::Make(*this);
  SSL_set_bio(ssl_.get(), bio, bio);
}

RecordLayer::~RecordLayer() {
  if (broken_ || SSL_in_init(ssl_.get()) != 0 || !flushed()) return;
  ERR_clear_error();
  if ((SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) return;
  static_cast<void>(SSL_shutdown(ssl_.get()));
  static_cast<void>(Flush());
}

RecordLayer::Step RecordLayer::Handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return Step::kDone;
  if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) return Step::kMore;
  static_cast<void>(Flush());  // the alert that says why
  broken_ = true;
  return Step::kFailed;
}

std::string RecordLayer::HandshakeError() const {
  const long verdict = SSL_get_verify_result(ssl_.get());
  if (verdict != X509_V_OK && SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE) {
    return X509_verify_cert_error_string(verdict);
  }
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  return reason != nullptr ? reason : "the handshake failed";
}

void RecordLayer::Give(std::string_view bytes) {
  if (input_.empty()) {
    input_ = bytes;
    return;
  }
  KeepRest();
  kept_ += bytes;
  input_ = kept_;
}

void RecordLayer::KeepRest() {
  std::string rest(input_);  // which may lie in kept_
  kept_.swap(rest);
  input_ = kept_;
}

bool RecordLayer::readable() const {
  return !broken_ && (!input_.empty() || SSL_has_pending(ssl_.get()) != 0);
}

ssize_t RecordLayer::Read(std::span<char> into) {
  if (broken_) return -EPROTO;
  ERR_clear_error();
  size_t size = 0;
  if (SSL_read_ex(ssl_.get(), into.data(), into.size(), &size) == 1) {
    return static_cast<ssize_t>(size);
  }
  const int error = SSL_get_error(ssl_.get(), 0);
  if (error == SSL_ERROR_ZERO_RETURN) return 0;
  if (error == SSL_ERROR_WANT_READ) return -EAGAIN;
  static_cast<void>(Flush());  // the alert that says why
  return Fail(EPROTO);
}

ssize_t RecordLayer::Write(std::span<const iovec> parts) {
  if (const int error = Flush(); error < 0) return error;
  char gathered[kRecordBytes];
  size_t taken = 0;
  size_t part = 0;
  size_t offset = 0;  // in parts[part]
  while (flushed()) {
    while (part < parts.size() && offset == parts[part].iov_len) {
      ++part;
      offset = 0;
    }
    if (part == parts.size()) break;
    const char* bytes = static_cast<const char*>(parts[part].iov_base) + offset;
    size_t size = std::min(parts[part].iov_len - offset, kRecordBytes);
    offset += size;
    // Small parts share a record.
    if (size < kRecordBytes && part + 1 < parts.size()) {
      memcpy(gathered, bytes, size);
      bytes = gathered;
      while (size < kRecordBytes && part + 1 < parts.size()) {
        ++part;
        offset = std::min(parts[part].iov_len, kRecordBytes - size);
        if (offset > 0) memcpy(gathered + size, parts[part].iov_base, offset);
        size += offset;
      }
    }
    if (broken_) return -EPROTO;
    ERR_clear_error();
    size_t written = 0;
    if (SSL_write_ex(ssl_.get(), bytes, size, &written) != 1) return Fail(EPROTO);
    taken += written;
    if (const int error = Flush(); error < 0) return error;
  }
  return static_cast<ssize_t>(taken);
}

void RecordLayer::ShutdownWrite() {
  if (!broken_) {
    ERR_clear_error();
    if (SSL_shutdown(ssl_.get()) < 0) static_cast<void>(Fail(EPROTO));
  }
  fin_owed_ = true;
  static_cast<void>(Flush());  // an error comes by the stream's OnClosed
}

int RecordLayer::Flush() {
  while (!flushed()) {
    const iovec rest{out_.data() + sent_, out_.size() - sent_};
    const ssize_t n = stream_->TryWrite({&rest, 1});
    if (n < 0) return Fail(static_cast<int>(-n));
    if (n == 0) return 0;
    sent_ += static_cast<size_t>(n);
  }
  // The memory goes, too: an idle connection keeps none.
  Release(out_);
  sent_ = 0;
  if (fin_owed_) {
    fin_owed_ = false;
    stream_->ShutdownWrite();
  }
  return 0;
}

int RecordLayer::Fail(int error) {
  broken_ = true;
  return -error;
}

}  // namespace sluice::tls
