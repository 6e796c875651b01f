// Puts a head together, field by field, on the stack as far as it is of an ordinary size. Lines
// that stand in the parsed head exactly as they would be written, and side by side, are copied at
// once. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "sluice/http/field_lines.h"

namespace sluice::proxy {

class HeadOutput {
 public:
  // `fields` are what Keep refers to.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): what is not written is not read
  explicit HeadOutput(const http::FieldLines& fields) : fields_(fields) {}
  HeadOutput(const HeadOutput&) = delete;
  HeadOutput& operator=(const HeadOutput&) = delete;

  // One behind the other. Inlined, so that texts of the program are stored rather than copied.
  template <class... Texts>
  [[gnu::always_inline]] void Put(const Texts&... texts) {
    PutViews(std::string_view(texts)...);
  }
  void PutField(std::string_view name, std::string_view value) { Put(name, ": ", value, "\r\n"); }
  // Line i of the fields. Flush comes before the next Put.
  void Keep(size_t i) {
    const std::string_view line = fields_.PlainLine(i);
    if (!line.empty() && run_.data() + run_.size() == line.data()) {
      run_ = {run_.data(), run_.size() + line.size()};
      return;
    }
    Flush();
    if (!line.empty()) {
      run_ = line;
    } else {
      PutField(fields_[i].name, fields_[i].value);
    }
  }
  void Flush() {
    if (run_.empty()) return;
    Put(run_);
    run_ = {};
  }
  [[nodiscard]] std::string Text() const { return {out_, size_}; }

 private:
  template <class... Views>
  [[gnu::always_inline]] void PutViews(const Views&... views) {
    const size_t size = (views.size() + ...);
    if (room_ - size_ < size) Grow(size);
    char* at = out_ + size_;
    ((std::memcpy(at, views.data(), views.size()), at += views.size()), ...);
    size_ += size;
  }
  [[gnu::noinline]] void Grow(size_t size) {
    const bool first = large_.empty();
    large_.resize(room_ * 2 + size);
    if (first) std::memcpy(large_.data(), usual_.data(), size_);
    out_ = large_.data();
    room_ = large_.size();
  }

  const http::FieldLines& fields_;
  std::array<char, 2048> usual_;
  std::string large_;  // in place of it, if that is too small
  char* out_ = usual_.data();
  size_t room_ = usual_.size();
  size_t size_ = 0;       // of what is written
  std::string_view run_;  // kept, not copied yet
};

}  // namespace sluice::proxy
