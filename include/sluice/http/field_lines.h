// The bytes of one message's head as they came, and where its field lines lie in them: what Request
// and ResponseHead are made of. Views that it returns live as long as it does and until it is
// moved. Immutable after the parser has filled it, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/http/field_name.h"

namespace sluice::http {

struct HeaderView {
  std::string_view name;   // as sent; compare with EqualsIgnoreCase
  std::string_view value;  // without the white space around it
};

// ASCII letters only, as header names and tokens compare.
[[nodiscard]] bool EqualsIgnoreCase(std::string_view a, std::string_view b);
// Whether a comma-separated list names `token`, in any case.
[[nodiscard]] bool ListHasToken(std::string_view list, std::string_view token);

// A part of the bytes.
struct HeadSlice {
  uint32_t offset = 0;
  uint32_t size = 0;
};

class FieldLines {
 public:
  [[nodiscard]] size_t size() const { return fields_.size(); }
  // REQUIRES: i < size().
  [[nodiscard]] HeaderView operator[](size_t i) const {
    return {View(fields_[i].name), View(fields_[i].value)};
  }
  // Which known name line i has, or is folded to.
  [[nodiscard]] KnownField known(size_t i) const { return fields_[i].known; }
  // Line i as it would be written, "Name: value\r\n", if that is how it came; else empty.
  [[nodiscard]] std::string_view PlainLine(size_t i) const {
    const Field& field = fields_[i];
    const size_t begin = field.name.offset;
    const size_t end = size_t{field.value.offset} + field.value.size;
    const bool plain = field.value.offset == begin + field.name.size + 2 &&
                       bytes_[field.value.offset - 1] == ' ' && bytes_[end] == '\r';
    return plain ? std::string_view(bytes_).substr(begin, end + 2 - begin) : std::string_view();
  }
  // Whether there is a field of that name, not folded to it. Costs nothing.
  [[nodiscard]] bool Has(FieldName name) const { return (seen_ & Bit(name)) != 0; }
  // Whether there is more than one.
  [[nodiscard]] bool Repeats(FieldName name) const { return (repeated_ & Bit(name)) != 0; }
  // The value of the first field of that name, whatever its case.
  [[nodiscard]] std::optional<std::string_view> Find(FieldName name) const;
  [[nodiscard]] std::optional<std::string_view> Find(std::string_view name) const;
  // Whether a comma-separated field (Connection, ...) names `token`, in any of its lines.
  [[nodiscard]] bool HasToken(FieldName name, std::string_view token) const;
  [[nodiscard]] bool HasToken(std::string_view name, std::string_view token) const;

  [[nodiscard]] std::string_view View(HeadSlice s) const {
    return std::string_view(bytes_).substr(s.offset, s.size);
  }
  // From the first line to the empty one.
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

  // For the parsers. `view` lies in bytes(), and so does `line`, which is without its CR LF.
  [[nodiscard]] HeadSlice SliceOf(std::string_view view) const {
    return {static_cast<uint32_t>(view.data() - bytes_.data()), static_cast<uint32_t>(view.size())};
  }
  // Empty, for the next message; memory of an ordinary size is kept.
  void Clear();
  // Empty, and without any memory.
  void Free();
  void Reserve(size_t bytes) { bytes_.reserve(bytes); }
  void Append(std::string_view bytes) { bytes_ += bytes; }
  void Truncate(size_t size) { bytes_.resize(size); }
  // False: the line is not NAME: VALUE.
  [[nodiscard]] bool AddField(std::string_view line);

 private:
  struct Field {
    HeadSlice name;
    HeadSlice value;
    KnownField known;
  };
  static constexpr uint64_t Bit(FieldName name) { return uint64_t{1} << static_cast<int>(name); }

  std::string bytes_;
  std::vector<Field> fields_;
  uint64_t seen_ = 0;
  uint64_t repeated_ = 0;
};

}  // namespace sluice::http
