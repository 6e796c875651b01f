#include "config/read_path.h"

#include <algorithm>
#include <utility>

namespace sluice::config {
namespace {

constexpr size_t kMaxTargetBytes = 1024;

}  // namespace

std::optional<Template> ReadPath(Section& section, std::string& path) {
  const Value* value = section.Require("path");
  if (value == nullptr) return std::nullopt;
  std::optional<std::string> text = section.reader().Text(*value);
  if (!text) return std::nullopt;
  tl::expected<Template, std::string> parsed = ParsePath(*text);
  if (!parsed) {
    section.reader().FailQuoting(*value, parsed.error());
    return std::nullopt;
  }
  path = std::move(*text);
  return std::move(*parsed);
}

void ReadTarget(Reader& reader, const Value* value, std::string& out) {
  std::optional<std::string> text = value == nullptr ? std::nullopt : reader.Text(*value);
  if (!text) return;
  const bool visible = std::all_of(text->begin(), text->end(),
                                   [](char c) { return c > ' ' && c < 0x7F && c != '#'; });
  if (!text->starts_with('/') || text->size() > kMaxTargetBytes || !visible) {
    return reader.FailQuoting(*value,
                              "is not the path of a request such as /auth or /auth?from=proxy; "
                              "other characters are written as %XX");
  }
  out = std::move(*text);
}

}  // namespace sluice::config
