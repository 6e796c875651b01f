// net::Stream over a finished handshake. See sluice/tls/client.h for what it adds.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "sluice/event/loop.h"
#include "sluice/net/stream.h"
#include "tls/record_layer.h"

namespace sluice::tls {

class TlsStream final : public net::Stream, private net::StreamHandler {
 public:
  TlsStream(event::Loop& loop, std::unique_ptr<RecordLayer> records);
  ~TlsStream() override;

  void SetHandler(net::StreamHandler* handler) override;
  [[nodiscard]] ssize_t TryWrite(std::span<const iovec> parts) override;
  void WantWritable(bool on) override;
  void PauseReading(net::PauseReason reason) override;
  void ResumeReading(net::PauseReason reason) override;
  void LimitReads(size_t bytes) override { records_->stream().LimitReads(bytes); }
  void ShutdownWrite() override;
  void ResetOnClose() override { records_->stream().ResetOnClose(); }
  [[nodiscard]] int plain_fd() const override { return -1; }
  [[nodiscard]] const net::PeerAddress& peer() const override;

 private:
  // net::StreamHandler, of the inner stream
  void OnData(std::string_view bytes) override;
  void OnEnd() override;
  void OnWritable() override;
  void OnClosed(int error) override;

  // Hands over what can be read. This object may be gone after it.
  void Drain();
  void GoOnLater();
  void Rearm();
  void Dead(int error);

  event::Loop& loop_;
  std::unique_ptr<RecordLayer> records_;
  net::StreamHandler* handler_ = nullptr;
  std::unique_ptr<event::Timer> later_;  // made when first needed
  bool* gone_ = nullptr;                 // set by the destructor, for a callback on the stack
  uint8_t paused_ = 0;
  bool want_writable_ = false;
  bool armed_ = false;  // the inner stream's WantWritable
  bool cut_ = false;    // FIN came; what was before it may not be read yet
  bool ended_ = false;  // close_notify came, and OnEnd was told
  bool dead_ = false;   // OnClosed was told
};

}  // namespace sluice::tls
