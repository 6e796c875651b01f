#include "config/source_text.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "sluice/base/utf8.h"
#include "sluice/config/load.h"

namespace sluice::config {
namespace {

Mark MarkAt(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return {static_cast<uint32_t>(std::count(before.begin(), before.end(), '\n')) + 1,
          static_cast<uint32_t>(offset - line_start) + 1};
}

bool IsControl(char c) {
  const bool is_space = c == '\t' || c == '\n' || c == '\r';
  return (static_cast<unsigned char>(c) < 0x20 && !is_space) || c == 0x7F;
}

// A tab counts as one space for yaml-cpp, where the author saw more.
bool CheckIndentation(std::string_view text, Report& report) {
  size_t tabs = 0;
  Mark first;
  for (size_t start = 0; start < text.size();) {
    const std::string_view line = text.substr(start, text.find('\n', start) - start);
    const size_t indent = std::min(line.find_first_not_of(" \t\r"), line.size());
    const size_t tab = line.substr(0, indent).find('\t');
    const bool blank = indent == line.size() || line[indent] == '#';
    if (tab != std::string_view::npos && !blank && ++tabs == 1) first = MarkAt(text, start + tab);
    start += line.size() + 1;
  }
  if (tabs == 0) return true;
  const std::string others = tabs == 1 ? "" : fmt::format(", the first of {}", tabs);
  report.Add(first, "", fmt::format("tab in the indentation{}; indent with spaces", others));
  return false;
}

}  // namespace

bool CheckSourceText(std::string_view text, Report& report) {
  if (text.size() > kMaxConfigBytes) {
    report.Add({}, "", fmt::format("the file is larger than {} bytes", kMaxConfigBytes));
    return false;
  }
  const size_t invalid = ValidUtf8Prefix(text);
  if (invalid != text.size()) {
    report.Add(MarkAt(text, invalid), "", "the file is not UTF-8 text");
    return false;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    if (!IsControl(text[i])) continue;
    report.Add(MarkAt(text, i), "",
               fmt::format("control byte {:#04x} in the file", static_cast<int>(text[i])));
    return false;
  }
  return CheckIndentation(text, report);
}

bool EndsInsideQuotes(std::string_view text, size_t offset) {
  std::string_view rest = text.substr(std::min(offset, text.size()));
  while (!rest.empty() && (rest[0] == '&' || rest[0] == '!')) {
    rest.remove_prefix(std::min(rest.find_first_of(" \r\n"), rest.size()));
    rest.remove_prefix(std::min(rest.find_first_not_of(" \r\n"), rest.size()));
  }
  if (rest.empty() || (rest[0] != '"' && rest[0] != '\'')) return false;
  const char quote = rest[0];
  for (size_t i = 1; i < rest.size(); ++i) {
    if (quote == '"' && rest[i] == '\\') {
      ++i;
    } else if (rest[i] == quote) {
      if (quote == '"' || i + 1 == rest.size() || rest[i + 1] != quote) return false;
      ++i;
    }
  }
  return true;
}

}  // namespace sluice::config
