#include "config/read_document.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "config/read_file.h"

namespace sluice::config {

std::optional<std::string> ReadBeside(Reader& reader, const Value& value, std::string_view name) {
  const bool control = std::any_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
  if (control) {
    reader.Fail(value, "names a file with a line break or another control character");
    return std::nullopt;
  }
  const std::filesystem::path path =
      std::filesystem::path(reader.file()).parent_path() / std::string(name);
  Result<std::string> text = ReadFile(path.string(), kMaxDocumentBytes);
  if (!text) {
    reader.Fail(value, fmt::format("the file {} {}", path.string(), text.error().message));
    return std::nullopt;
  }
  if (text->size() > kMaxDocumentBytes) {
    reader.Fail(value, fmt::format("the file {} is larger than 1 MiB", path.string()));
    return std::nullopt;
  }
  return std::move(*text);
}

std::optional<std::string> ReadSecret(Reader& reader, const Value& value) {
  std::optional<std::string> text = reader.Block(value);
  if (!text || text->compare(0, kFilePrefix.size(), kFilePrefix) != 0) return text;
  text = ReadBeside(reader, value, std::string_view(*text).substr(kFilePrefix.size()));
  if (text && text->ends_with('\n')) text->pop_back();
  if (text && text->ends_with('\r')) text->pop_back();
  return text;
}

std::optional<std::string> ReadDocument(Reader& reader, const Value& value, std::string_view mark) {
  std::optional<std::string> text = reader.Block(value);
  if (!text || text->find(mark) != std::string::npos) return text;
  std::string_view name = *text;
  if (name.substr(0, kFilePrefix.size()) == kFilePrefix) name.remove_prefix(kFilePrefix.size());
  return ReadBeside(reader, value, name);
}

}  // namespace sluice::config
