#include "sluice/http/path.h"

#include <array>

#include "sluice/http/query.h"

namespace sluice::http {
namespace {

constexpr size_t kUsualSegments = 8;

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

// What may stand in a path that needs neither decoding nor a second look.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (size_t i = 0x21; i < plain.size(); ++i) plain[i] = i != '%' && i != '\\' && i != 0x7f;
  return plain;
}();

// Appends the decoded segment. False: a broken escape or a control byte.
bool AppendDecoded(std::string& out, std::string_view raw) {
  for (size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '%') {
      const int high = raw.size() - i > 2 ? HexDigit(raw[i + 1]) : -1;
      const int low = high < 0 ? -1 : HexDigit(raw[i + 2]);
      if (low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (IsControl(c)) return false;
    out += c;
  }
  return true;
}

// Servlet containers cut parameters off before they look for dot segments.
bool IsDotsWithParameters(std::string_view decoded) {
  return decoded.starts_with(".;") || decoded.starts_with("..;");
}

}  // namespace

bool Path::TakePlain(std::string_view raw) {
  ends_.reserve(kUsualSegments);
  char last = '/';
  for (size_t i = 1; i < raw.size(); ++i) {
    const char c = raw[i];
    const bool good =
        kPlain[static_cast<unsigned char>(c)] && (last != '/' || (c != '/' && c != '.'));
    if (!good) {
      ends_.clear();
      return false;
    }
    if (c == '/') ends_.push_back(static_cast<uint32_t>(i));
    last = c;
  }
  trailing_slash_ = last == '/';
  if (!trailing_slash_) ends_.push_back(static_cast<uint32_t>(raw.size()));
  text_ = raw;
  return true;
}

Result<Path> Path::Parse(std::string_view raw) {
  Path path;
  if (path.TakePlain(raw)) return path;
  if (raw.find('\\') != std::string_view::npos) {
    return Fail(Errc::kInvalid, "path: a backslash must be encoded (%5C)");
  }
  std::string& text = path.text_;
  text.reserve(raw.size());
  size_t position = 1;
  while (position <= raw.size()) {
    const size_t slash = raw.find('/', position);
    const bool last = slash == std::string_view::npos;
    const std::string_view segment =
        raw.substr(position, last ? std::string_view::npos : slash - position);
    position = last ? raw.size() + 1 : slash + 1;

    // text_ ends in '/' here: the separator before the segment that comes.
    const size_t begin = text.size();
    if (!AppendDecoded(text, segment)) {
      return Fail(Errc::kInvalid, "path: a broken percent escape or a control byte in segment " +
                                      std::to_string(path.ends_.size() + 1));
    }
    const std::string_view decoded = std::string_view(text).substr(begin);
    if (IsDotsWithParameters(decoded)) {
      return Fail(Errc::kInvalid, "path: a dot segment with parameters (\"..;\")");
    }
    if (decoded.find('/') != std::string_view::npos) path.encoded_slash_ = true;
    path.trailing_slash_ = decoded.empty() || decoded == "." || decoded == "..";
    if (!path.trailing_slash_) {
      path.ends_.push_back(static_cast<uint32_t>(text.size()));
      if (!last) text += '/';
      continue;
    }
    if (!decoded.empty()) path.dot_segments_ = true;
    const bool up = decoded == "..";
    text.resize(begin);
    if (!up) continue;
    if (path.ends_.empty()) return Fail(Errc::kInvalid, "path: \"..\" leads above the root");
    path.ends_.pop_back();
    text.resize(path.ends_.empty() ? 1 : path.ends_.back() + 1);
  }
  return path;
}

}  // namespace sluice::http
