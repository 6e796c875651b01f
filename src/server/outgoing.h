// What a session still has to write: a head and a body that follow each other, and how far the
// kernel took them. Worker-thread only.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/base/memory.h"
#include "sluice/net/stream.h"

namespace sluice::server {

class Outgoing {
 public:
  // Of one WriteThrough.
  static constexpr size_t kMaxParts = 12;

  [[nodiscard]] size_t size() const { return head_.size() + body_.size() - sent_; }
  [[nodiscard]] bool empty() const { return size() == 0; }
  // The memory that it takes: in proportion to the most that size() has been.
  [[nodiscard]] size_t capacity() const { return head_.capacity() + body_.capacity(); }

  // REQUIRES: no body was set or kept since it was last empty.
  void AppendHead(std::string_view bytes) { head_ += bytes; }
  void AppendHead(std::string&& bytes) {
    if (head_.empty()) {
      head_ = std::move(bytes);
    } else {
      head_ += bytes;
    }
  }
  void SetBody(std::string body) { body_ = std::move(body); }

  // Nothing is held any more, memory neither.
  void Clear() {
    Release(head_);
    Release(body_);
    sent_ = 0;
  }

  // Writes what the kernel takes: the bytes taken, or a negated errno. Frees the memory once all is
  // gone. REQUIRES: not empty.
  [[nodiscard]] ssize_t Write(net::Stream& stream) { return WriteThrough(stream, {}, true); }

  // The same, with `parts` behind what is held; what the kernel does not take of them is copied.
  // Without `writable` nothing is tried. REQUIRES: at most kMaxParts; not all empty.
  [[nodiscard]] ssize_t WriteThrough(net::Stream& stream, std::span<const iovec> parts,
                                     bool writable) {
    std::array<iovec, kMaxParts + 2> all{};
    size_t count = 0;
    if (sent_ < head_.size()) all[count++] = Part(head_, sent_);
    const size_t body_sent = sent_ < head_.size() ? 0 : sent_ - head_.size();
    if (body_sent < body_.size()) all[count++] = Part(body_, body_sent);
    count = static_cast<size_t>(std::copy(parts.begin(), parts.end(), all.begin() + count) -
                                all.begin());
    const ssize_t taken = writable ? stream.TryWrite(std::span(all).first(count)) : 0;
    if (taken < 0) return taken;
    auto past = static_cast<size_t>(taken);
    const size_t held = std::min(past, size());
    sent_ += held;
    past -= held;
    if (empty()) Clear();
    size_t rest = 0;
    for (const iovec& part : parts) rest += part.iov_len;
    if (rest > past) MakeRoom(rest - past);
    for (const iovec& part : parts) {
      const size_t skip = std::min(past, part.iov_len);
      past -= skip;
      body_.append(static_cast<const char*>(part.iov_base) + skip, part.iov_len - skip);
    }
    return taken;
  }

 private:
  // For `bytes` behind what is held.
  void MakeRoom(size_t bytes) {
    const bool mostly_sent = sent_ > size();
    if (!mostly_sent && body_.size() + bytes <= body_.capacity()) return;
    const size_t of_head = std::min(sent_, head_.size());
    const size_t of_body = sent_ - of_head;
    const size_t needed = size() + bytes;
    if (mostly_sent && needed <= body_.capacity()) {
      // So that what was sent does not pile up behind a peer that never takes everything.
      head_.erase(0, of_head);
      body_.erase(0, of_body);
    } else {
      // A string that grows by itself takes up to twice what it holds.
      std::string grown;
      grown.reserve(needed + (empty() ? 0 : needed / 8));
      grown.append(head_, of_head).append(body_, of_body);
      Release(head_);
      body_ = std::move(grown);
    }
    sent_ = 0;
  }

  static iovec Part(std::string& bytes, size_t from) {
    return {bytes.data() + from, bytes.size() - from};
  }

  std::string head_;
  std::string body_;
  size_t sent_ = 0;
};

}  // namespace sluice::server
