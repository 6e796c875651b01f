// A reply of Redis (RESP2), as a view into the memory of the ReplyReader that parsed it: valid
// until the reader is asked for the next one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::redis {

struct Reply {
  enum class Type : uint8_t { kNil, kString, kStatus, kError, kInteger, kArray };

  Type type = Type::kNil;
  bool cut = false;  // a string over ReplyLimits::string_bytes: `text` is empty, `size` is right
  size_t size = 0;   // of the string, in bytes
  std::string_view text;      // kString, kStatus, kError
  int64_t integer = 0;        // kInteger
  std::span<Reply> elements;  // kArray

  [[nodiscard]] bool is_error() const { return type == Type::kError; }
  [[nodiscard]] bool is_string() const { return type == Type::kString; }
};

}  // namespace sluice::redis
