#include "sluice/proxy/target.h"

#include <optional>

#include "sluice/http/request.h"

namespace sluice::proxy {
namespace {

constexpr std::string_view kEncodedSlash = "%2f";
constexpr std::string_view kEncodedDot = "%2e";

// How many bytes of `text` are the character `c`, as itself or as `escape`: 0, 1 or 3.
size_t Starts(std::string_view text, char c, std::string_view escape) {
  if (text.starts_with(c)) return 1;
  return http::EqualsIgnoreCase(text.substr(0, escape.size()), escape) ? escape.size() : 0;
}

// 1 for ".", 2 for "..", in any spelling; 0 for everything else.
int DotsOf(std::string_view segment) {
  int dots = 0;
  while (!segment.empty()) {
    const size_t dot = Starts(segment, '.', kEncodedDot);
    if (dot == 0 || ++dots > 2) return 0;
    segment.remove_prefix(dot);
  }
  return dots;
}

// The raw path without empty and dot segments, as http::Path has it.
std::string Resolved(std::string_view raw, bool trailing_slash) {
  std::string out;
  while (!raw.empty()) {
    raw.remove_prefix(1);  // '/'
    const std::string_view segment = raw.substr(0, raw.find('/'));
    raw.remove_prefix(segment.size());
    const int dots = DotsOf(segment);
    if (dots == 2) out.resize(out.empty() ? 0 : out.rfind('/'));
    if (segment.empty() || dots > 0) continue;
    out += '/';
    out += segment;
  }
  if (trailing_slash || out.empty()) out += '/';
  return out;
}

// The next part of `text` between slashes, which is taken off; null at its end.
std::optional<std::string_view> NextPiece(std::string_view& text) {
  const size_t begin = text.find_first_not_of('/');
  if (begin == std::string_view::npos) return std::nullopt;
  text.remove_prefix(begin);
  const std::string_view piece = text.substr(0, text.find('/'));
  text.remove_prefix(piece.size());
  return piece;
}

// How many pieces `prefix` has, if it is one of `path`; 0 otherwise.
size_t PiecesOfPrefix(std::string_view prefix, std::string_view path) {
  size_t count = 0;
  while (const auto wanted = NextPiece(prefix)) {
    if (NextPiece(path) != wanted) return 0;
    ++count;
  }
  return count;
}

// What is behind the first `pieces` of a raw path and the slashes after them.
std::string_view Behind(std::string_view raw, size_t pieces) {
  while (true) {
    while (const size_t slash = Starts(raw, '/', kEncodedSlash)) raw.remove_prefix(slash);
    if (pieces-- == 0) return raw;
    while (!raw.empty() && Starts(raw, '/', kEncodedSlash) == 0) raw.remove_prefix(1);
  }
}

}  // namespace

std::string_view RawPath(std::string_view target) {
  if (!target.starts_with('/')) {
    const size_t authority = target.find("://");
    target.remove_prefix(authority == std::string_view::npos ? target.size() : authority + 3);
    const size_t path = target.find_first_of("/?");
    target.remove_prefix(path == std::string_view::npos ? target.size() : path);
  }
  target = target.substr(0, target.find('?'));
  return target.empty() ? "/" : target;
}

void AppendUpstreamPath(std::string& out, std::string_view raw, const http::Path& path,
                        const config::Route& route) {
  std::string resolved;
  if (path.dot_segments()) {
    resolved = Resolved(raw, path.trailing_slash());
    raw = resolved;
  }
  const size_t pieces = route.strip_prefix ? PiecesOfPrefix(route.path, path.text()) : 0;
  if (pieces > 0) {
    out += '/';
    raw = Behind(raw, pieces);
  }
  out += raw;
}

}  // namespace sluice::proxy
