// Puts a head together, field by field. Lines that stand in the parsed head exactly as they would
// be written, and side by side, are copied at once. Any thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/http/field_lines.h"

namespace sluice::proxy {

class HeadOutput {
 public:
  // `begun` is what the head begins with, `room` how much will follow, about; `fields` are what
  // Keep refers to.
  HeadOutput(std::string begun, size_t room, const http::FieldLines& fields)
      : out_(std::move(begun)), fields_(fields), size_(out_.size()) {
    out_.resize(size_ + room);
  }
  HeadOutput(const HeadOutput&) = delete;
  HeadOutput& operator=(const HeadOutput&) = delete;

  // Inlined, so that texts of the program are stored rather than copied.
  [[gnu::always_inline]] void Put(std::string_view text) {
    if (out_.size() - size_ < text.size()) Grow(text.size());
    std::memcpy(out_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void Put(std::string_view name, std::string_view value) {
    Put(name);
    Put(": ");
    Put(value);
    Put("\r\n");
  }
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
      Put(fields_[i].name, fields_[i].value);
    }
  }
  void Flush() {
    if (run_.empty()) return;
    Put(run_);
    run_ = {};
  }
  [[nodiscard]] std::string Take() {
    out_.resize(size_);
    return std::move(out_);
  }

 private:
  [[gnu::noinline]] void Grow(size_t size) { out_.resize(out_.size() + out_.size() / 2 + size); }

  std::string out_;
  const http::FieldLines& fields_;
  size_t size_;           // of what is written
  std::string_view run_;  // kept, not copied yet
};

}  // namespace sluice::proxy
