// The pieces of an answer's body that were given and not yet flushed, by reference, in the framing
// of HTTP/1.1 (RFC 9112 7.1). All that is flushed together is one chunk. Worker-thread only.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include <sys/uio.h>

namespace sluice::server {

class AnswerPieces {
 public:
  explicit AnswerPieces(bool chunked) : chunked_(chunked) {}

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] bool full() const { return count_ == kMaxPieces; }
  // REQUIRES: not full.
  void Add(std::string_view bytes) {
    if (bytes.empty()) return;
    parts_[1 + count_++] = Part(bytes);
    size_ += bytes.size();
  }

  // What is to be written; valid until the next call. Forgets the pieces.
  [[nodiscard]] std::span<const iovec> Take() {
    if (count_ == 0) return {};
    const size_t count = std::exchange(count_, 0);
    if (!chunked_) return std::span(parts_).subspan(1, count);
    parts_[0] = Part(SizeLine());
    parts_[count + 1] = Part("\r\n");
    return std::span(parts_).first(count + 2);
  }

  // The same, and the end of the body.
  [[nodiscard]] std::span<const iovec> TakeLast(std::string_view trailers) {
    const size_t count = count_;
    const std::span<const iovec> pieces = Take();
    if (!chunked_) return pieces;
    if (count == 0) {
      parts_[0] = Part("0\r\n");
    } else {
      parts_[count + 1] = Part("\r\n0\r\n");
    }
    size_t end = count == 0 ? 1 : count + 2;
    if (!trailers.empty()) parts_[end++] = Part(trailers);
    parts_[end++] = Part("\r\n");
    return std::span(parts_).first(end);
  }

 private:
  static constexpr size_t kMaxPieces = 8;

  static iovec Part(std::string_view bytes) {
    return {const_cast<char*>(bytes.data()), bytes.size()};
  }

  std::string_view SizeLine() {
    char* end = std::to_chars(line_.data(), line_.data() + line_.size() - 2, size_, 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    size_ = 0;
    return {line_.data(), static_cast<size_t>(end - line_.data())};
  }

  std::array<iovec, kMaxPieces + 4> parts_{};  // size line, pieces, chunk's end, trailers, end
  std::array<char, 20> line_{};
  size_t count_ = 0;
  size_t size_ = 0;
  bool chunked_;
};

}  // namespace sluice::server
