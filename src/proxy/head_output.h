// Puts a head together, field by field. Lines that stand in the parsed head exactly as they would
// be written, and side by side, are copied at once. Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sluice/http/field_lines.h"

namespace sluice::proxy {

class HeadOutput {
 public:
  // `out` takes all that comes; `fields` are what Keep refers to.
  HeadOutput(std::string& out, const http::FieldLines& fields) : out_(out), fields_(fields) {}
  HeadOutput(const HeadOutput&) = delete;
  HeadOutput& operator=(const HeadOutput&) = delete;

  // Line i of the fields.
  void Keep(size_t i) {
    const std::string_view line = fields_.PlainLine(i);
    if (line.empty()) {
      const http::HeaderView field = fields_[i];
      Add(field.name, field.value);
    } else if (!run_.empty() && run_.data() + run_.size() == line.data()) {
      run_ = {run_.data(), run_.size() + line.size()};
    } else {
      Flush();
      run_ = line;
    }
  }
  void Add(std::string_view name, std::string_view value) {
    Flush();
    out_.append(name).append(": ").append(value).append("\r\n");
  }
  // To append to it directly.
  std::string& Flush() {
    out_ += run_;
    run_ = {};
    return out_;
  }

 private:
  std::string& out_;
  const http::FieldLines& fields_;
  std::string_view run_;  // kept, not copied yet
};

}  // namespace sluice::proxy
