#include "config/report.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "sluice/base/utf8.h"

namespace sluice::config {
namespace {

constexpr size_t kQuotedBytes = 60;
constexpr size_t kMaxEdits = 2;

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, substituted});
    }
  }
  return row.back();
}

// The user and password of a URL that stands somewhere in `text` become "***".
std::string HideUserInfo(std::string_view text) {
  const size_t scheme = text.find("://");
  const size_t at = text.rfind('@');
  if (scheme == std::string_view::npos || at == std::string_view::npos || at < scheme + 3) {
    return std::string(text);
  }
  return fmt::format("{}***{}", text.substr(0, scheme + 3), text.substr(at));
}

}  // namespace

std::string Problem::ToString() const {
  std::string text = file;
  if (line > 0) text += fmt::format(":{}:{}", line, column);
  text += ": ";
  if (!key.empty()) text += key + ": ";
  return text + message;
}

void Report::Add(Mark mark, std::string_view key, std::string message) {
  problems_.push_back({file_, mark.line, mark.column, std::string(key), std::move(message)});
}

Problems Report::Take() {
  std::stable_sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  return std::move(problems_);
}

std::string Printable(std::string_view text) {
  const std::string harmless = HideUserInfo(text);
  text = harmless;
  std::string shown;
  for (size_t i = 0; i < text.size();) {
    const size_t length = Utf8CharacterLength(text.substr(i));
    if (i + std::max<size_t>(length, 1) > kQuotedBytes) return shown + "...";
    const auto byte = static_cast<unsigned char>(text[i]);
    if (length == 0 || byte < 0x20 || byte == 0x7F) {
      shown += fmt::format("\\x{:02x}", byte);
      ++i;
    } else {
      shown += text.substr(i, length);
      i += length;
    }
  }
  return shown;
}

std::string Quote(std::string_view text) {
  return fmt::format("\"{}\"", Printable(text));
}

std::string DidYouMean(std::string_view text, const std::vector<std::string_view>& candidates) {
  std::string_view nearest;
  size_t edits = kMaxEdits + 1;
  for (const std::string_view candidate : candidates) {
    if (text.size() > candidate.size() + kMaxEdits || candidate.size() <= kMaxEdits) continue;
    const size_t distance = EditDistance(text, candidate);
    if (distance < edits) {
      edits = distance;
      nearest = candidate;
    }
  }
  return nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest);
}

}  // namespace sluice::config
