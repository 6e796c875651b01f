// What goes out of one request: its head, then its body in its framing (RFC 9112 6). What the
// server does not take now is kept here. Loop-thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sluice/net/stream.h"
#include "sluice/proxy/call.h"

namespace sluice::proxy {

class RequestOutput {
 public:
  RequestOutput(std::string head, CallRequest::Body body)
      : head_(std::move(head)), body_(body), ended_(body == CallRequest::Body::kNone) {}

  // Writes to `stream` what it takes, with all that was kept before, and keeps the rest; null:
  // keeps all. False if the stream is dead.
  [[nodiscard]] bool Put(std::string_view bytes, net::Stream* stream);
  // The body's end.
  [[nodiscard]] bool End(std::string_view trailers, net::Stream* stream);
  // Writes what is kept.
  [[nodiscard]] bool Flush(net::Stream& stream);

  // For another connection: all is still to be sent. REQUIRES: !body_begun().
  void Rewind() {
    head_sent_ = 0;
    sent_ = 0;
    blocked_ = stopped_ = false;
  }
  // The server does not listen any more: nothing more is written until Rewind.
  void Stop() { stopped_ = true; }

  // The stream took less than there is: it is worth another try when it is writable.
  [[nodiscard]] bool blocked() const { return blocked_; }
  [[nodiscard]] bool ended() const { return ended_; }
  // All of the request is with the kernel.
  [[nodiscard]] bool complete() const {
    return ended_ && unsent() == 0 && head_sent_ == head_.size();
  }
  [[nodiscard]] bool stopped() const { return stopped_; }
  // A byte is with the kernel; a byte of the body is.
  [[nodiscard]] bool begun() const { return head_sent_ > 0; }
  [[nodiscard]] bool body_begun() const { return body_begun_; }
  [[nodiscard]] size_t unsent() const { return kept_.size() - kept_sent_; }
  // Bytes that this connection's kernel took.
  [[nodiscard]] uint64_t sent() const { return sent_; }

 private:
  [[nodiscard]] bool Write(std::span<const std::string_view> parts, net::Stream* stream);
  void Keep(std::string_view bytes);

  const std::string head_;
  size_t head_sent_ = 0;
  uint64_t sent_ = 0;
  std::string kept_;  // of the body
  size_t kept_sent_ = 0;
  CallRequest::Body body_;
  bool ended_;
  bool blocked_ = false;
  bool body_begun_ = false;
  bool stopped_ = false;
};

}  // namespace sluice::proxy
