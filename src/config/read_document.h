// Texts that stand in the configuration or in a file beside it: keys, secrets, certificates, pages.
// No message quotes them. Main thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "config/reader.h"

namespace sluice::config {

inline constexpr std::string_view kFilePrefix = "file:";
inline constexpr size_t kMaxDocumentBytes = size_t{1024} * 1024;

// The content of a file, whose name is relative to the configuration's folder; null after a
// failure, as below.
[[nodiscard]] std::optional<std::string> ReadBeside(Reader& reader, const Value& value,
                                                    std::string_view name);

// A secret: the value itself, or `file:NAME`, without the line's end that editors leave.
[[nodiscard]] std::optional<std::string> ReadSecret(Reader& reader, const Value& value);

// Text that has `mark` in it, or the name of a file that holds it, with or without `file:`.
[[nodiscard]] std::optional<std::string> ReadDocument(Reader& reader, const Value& value,
                                                      std::string_view mark);

}  // namespace sluice::config
