// Cuts a head that has come in one piece into its lines, in one pass: how nearly all heads come.
// Whatever is unusual it leaves to the parsers' way for pieces, which also says what is wrong. Any
// thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::http {

// A head that is longer is not looked for in one piece: that would copy too much of a body.
inline constexpr size_t kOnePieceBytes = 2048;

class LineCutter {
 public:
  explicit LineCutter(std::string_view bytes) : bytes_(bytes) {}

  // The next line, without its CR LF. False: there is no whole line, it holds another CR or LF, or
  // begins with white space.
  [[nodiscard]] bool Next(std::string_view& line) {
    const size_t end = FindLineEnd();
    if (end + 1 >= bytes_.size() || bytes_[end] != '\r' || bytes_[end + 1] != '\n') return false;
    line = bytes_.substr(position_, end - position_);
    position_ = end + 2;
    return line.empty() || (line.front() != ' ' && line.front() != '\t');
  }
  // Behind the last line.
  [[nodiscard]] size_t position() const { return position_; }

 private:
  static constexpr uint64_t kOnes = 0x0101010101010101;
  static constexpr uint64_t kHighBits = kOnes << 7;

  // The high bit of bytes of `word` that are less than 14: CR and LF, and others that are rare. The
  // lowest of those set is right.
  static constexpr uint64_t Small(uint64_t word) {
    return (word - kOnes * ('\r' + 1)) & ~word & kHighBits;
  }

  // Of the first CR or LF; the size if there is none.
  [[nodiscard]] size_t FindLineEnd() const {
    static_assert(std::endian::native == std::endian::little);
    size_t at = position_;
    while (at + sizeof(uint64_t) <= bytes_.size()) {
      uint64_t word = 0;
      std::memcpy(&word, bytes_.data() + at, sizeof word);
      const uint64_t found = Small(word);
      if (found == 0) {
        at += sizeof word;
        continue;
      }
      at += static_cast<size_t>(std::countr_zero(found)) / 8;
      if (bytes_[at] == '\r' || bytes_[at] == '\n') return at;
      ++at;
    }
    while (at < bytes_.size() && bytes_[at] != '\r' && bytes_[at] != '\n') ++at;
    return at;
  }

  std::string_view bytes_;
  size_t position_ = 0;
};

}  // namespace sluice::http
