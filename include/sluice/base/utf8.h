// UTF-8 as Unicode's table 3-7 defines it. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice {

// Bytes of the well-formed character that `bytes` begins with; 0 if there is none.
// REQUIRES: `bytes` is not empty.
[[nodiscard]] size_t Utf8CharacterLength(std::string_view bytes);

// Length of the longest prefix that is valid.
[[nodiscard]] size_t ValidUtf8Prefix(std::string_view bytes);

[[nodiscard]] inline bool IsValidUtf8(std::string_view bytes) {
  return ValidUtf8Prefix(bytes) == bytes.size();
}

// Appends `bytes` with U+FFFD for each maximal subpart of an ill-formed sequence: what every
// browser's decoder would have made of them (WHATWG Encoding, "UTF-8 decoder").
void AppendUtf8(std::string& out, std::string_view bytes);

// The longest prefix of at most `limit` bytes that cuts no character in two.
[[nodiscard]] std::string_view CutUtf8(std::string_view bytes, size_t limit);

}  // namespace sluice
