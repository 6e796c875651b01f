// UTF-8 as Unicode defines it (table 3-7). Pure functions.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::config {

// Bytes of the well-formed sequence that `text` begins with, 0 if there is none.
// REQUIRES: text is not empty.
[[nodiscard]] size_t SequenceLength(std::string_view text);

// Where `text` stops being UTF-8, or npos.
[[nodiscard]] size_t FindInvalidUtf8(std::string_view text);

}  // namespace sluice::config
