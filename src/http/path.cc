#include "sluice/http/path.h"

#include <array>

#include "sluice/base/memory.h"
#include "sluice/http/query.h"

namespace sluice::http {
namespace {

constexpr size_t kUsualSegments = 8;
// What is kept between requests.
constexpr size_t kKeptBytes = 512;
constexpr size_t kKeptSegments = 64;

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
  if (auto read = path.Read(raw); !read) return tl::unexpected(std::move(read.error()));
  return path;
}

void Path::Clear() {
  if (text_.capacity() > kKeptBytes || ends_.capacity() > kKeptSegments) {
    Release(text_);
    ends_ = {};
  }
  text_.resize(1);
  text_[0] = '/';
  ends_.clear();
  trailing_slash_ = true;
  encoded_slash_ = dot_segments_ = false;
}

Result<> Path::Read(std::string_view raw) {
  ends_.clear();
  encoded_slash_ = dot_segments_ = false;
  if (TakePlain(raw)) return {};
  Clear();
  return Decode(raw);
}

Result<> Path::Decode(std::string_view raw) {
  if (raw.find('\\') != std::string_view::npos) {
    return Fail(Errc::kInvalid, "path: a backslash must be encoded (%5C)");
  }
  text_.reserve(raw.size());
  size_t position = 1;
  while (position <= raw.size()) {
    const size_t slash = raw.find('/', position);
    const bool last = slash == std::string_view::npos;
    const std::string_view segment =
        raw.substr(position, last ? std::string_view::npos : slash - position);
    position = last ? raw.size() + 1 : slash + 1;

    // text_ ends in '/' here: the separator before the segment that comes.
    const size_t begin = text_.size();
    if (!AppendDecoded(text_, segment)) {
      return Fail(Errc::kInvalid, "path: a broken percent escape or a control byte in segment " +
                                      std::to_string(ends_.size() + 1));
    }
    const std::string_view decoded = std::string_view(text_).substr(begin);
    if (IsDotsWithParameters(decoded)) {
      return Fail(Errc::kInvalid, "path: a dot segment with parameters (\"..;\")");
    }
    if (decoded.find('/') != std::string_view::npos) encoded_slash_ = true;
    trailing_slash_ = decoded.empty() || decoded == "." || decoded == "..";
    if (!trailing_slash_) {
      ends_.push_back(static_cast<uint32_t>(text_.size()));
      if (!last) text_ += '/';
      continue;
    }
    if (!decoded.empty()) dot_segments_ = true;
    const bool up = decoded == "..";
    text_.resize(begin);
    if (!up) continue;
    if (ends_.empty()) return Fail(Errc::kInvalid, "path: \"..\" leads above the root");
    ends_.pop_back();
    text_.resize(ends_.empty() ? 1 : ends_.back() + 1);
  }
  return {};
}

}  // namespace sluice::http
