// What a session still has to write: a head and a body that follow each other, and how far the
// kernel took them. Worker-thread only.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "sluice/net/stream.h"

namespace sluice::server {

class Outgoing {
 public:
  [[nodiscard]] bool empty() const { return sent_ == head_.size() + body_.size(); }

  // REQUIRES: no body was set since it was last empty.
  void AppendHead(std::string_view bytes) { head_ += bytes; }
  void SetBody(std::string body) { body_ = std::move(body); }

  // Writes what the kernel takes: the bytes taken, or a negated errno. Frees the memory once all is
  // gone. REQUIRES: not empty.
  [[nodiscard]] ssize_t Write(net::Stream& stream) {
    std::array<iovec, 2> parts{};
    size_t count = 0;
    if (sent_ < head_.size()) parts[count++] = Part(head_, sent_);
    const size_t body_sent = sent_ < head_.size() ? 0 : sent_ - head_.size();
    if (body_sent < body_.size()) parts[count++] = Part(body_, body_sent);
    const ssize_t taken = stream.TryWrite(std::span(parts).first(count));
    if (taken > 0) sent_ += static_cast<size_t>(taken);
    if (empty()) *this = Outgoing();
    return taken;
  }

 private:
  static iovec Part(std::string& bytes, size_t from) {
    return {bytes.data() + from, bytes.size() - from};
  }

  std::string head_;
  std::string body_;
  size_t sent_ = 0;
};

}  // namespace sluice::server
