#include "tls/tls_stream.h"

#include <cerrno>
#include <utility>

namespace sluice::tls {

TlsStream::TlsStream(event::Loop& loop, std::unique_ptr<RecordLayer> records)
    : loop_(loop), records_(std::move(records)) {}

TlsStream::~TlsStream() {
  if (gone_ != nullptr) *gone_ = true;
}

void TlsStream::SetHandler(net::StreamHandler* handler) {
  handler_ = handler;
  records_->stream().SetHandler(handler != nullptr ? this : nullptr);
  if (handler == nullptr) return;
  Rearm();
  if (records_->readable()) GoOnLater();  // it came with the end of the handshake
}

const net::PeerAddress& TlsStream::peer() const {
  return records_->stream().peer();
}

// --- writing ---

ssize_t TlsStream::TryWrite(std::span<const iovec> parts) {
  const ssize_t taken = records_->Write(parts);
  Rearm();
  return taken;
}

void TlsStream::WantWritable(bool on) {
  want_writable_ = on;
  Rearm();
}

void TlsStream::ShutdownWrite() {
  records_->ShutdownWrite();
  Rearm();
}

void TlsStream::Rearm() {
  const bool on = !dead_ && (want_writable_ || !records_->flushed());
  if (on == armed_) return;
  armed_ = on;
  records_->stream().WantWritable(on);
}

void TlsStream::OnWritable() {
  if (const int error = records_->Flush(); error < 0) {
    Dead(-error);
    return;
  }
  Rearm();
  if (want_writable_ && records_->flushed()) handler_->OnWritable();
}

// --- reading ---

void TlsStream::PauseReading(net::PauseReason reason) {
  paused_ = static_cast<uint8_t>(paused_ | static_cast<uint8_t>(reason));
  records_->stream().PauseReading(reason);
}

void TlsStream::ResumeReading(net::PauseReason reason) {
  paused_ = static_cast<uint8_t>(paused_ & ~static_cast<uint8_t>(reason));
  records_->stream().ResumeReading(reason);
  if (paused_ == 0 && (records_->readable() || cut_)) GoOnLater();
}

void TlsStream::GoOnLater() {
  if (dead_ || ended_) return;
  if (later_ == nullptr) {
    later_ = loop_.MakeTimer([this] { Drain(); });
  }
  later_->Start(0);
}

void TlsStream::OnData(std::string_view bytes) {
  if (ended_) return;
  records_->Give(bytes);
  Drain();
}

void TlsStream::OnEnd() {
  cut_ = true;
  Drain();
}

void TlsStream::OnClosed(int error) {
  if (!dead_) Dead(error);
}

void TlsStream::Drain() {
  bool gone = false;
  gone_ = &gone;
  char plain[RecordLayer::kRecordBytes];
  while (!ended_ && !dead_ && paused_ == 0 && handler_ != nullptr) {
    const ssize_t n = records_->Read(plain);
    if (n > 0) {
      handler_->OnData(std::string_view(plain, static_cast<size_t>(n)));
    } else if (n == 0) {
      ended_ = true;
      handler_->OnEnd();
    } else if (n != -EAGAIN) {
      Dead(static_cast<int>(-n));
    } else if (cut_) {
      Dead(ECONNRESET);
    } else {
      break;
    }
    if (gone) return;
  }
  gone_ = nullptr;
  records_->KeepRest();
  // Reading may have left an answer to write: to a request for new keys.
  if (records_->Flush() == 0) Rearm();
}

void TlsStream::Dead(int error) {
  dead_ = true;
  want_writable_ = false;
  Rearm();
  if (handler_ != nullptr) handler_->OnClosed(error);
}

}  // namespace sluice::tls
