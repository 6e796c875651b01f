// The path of a request target, decoded and normalised once, before anything is routed by it.
// Immutable value, any thread.
//
//   "/a//b/./%2e%2e/c%2Fd/"  ->  segments "a", "c/d"; trailing_slash
//
// - The raw path is split at '/', then each segment is percent-decoded once. A '/' that comes out
//   of decoding stays inside its segment.
// - Empty segments are dropped, as nginx does by default (merge_slashes).
// - A segment that decodes to "." or ".." is a dot segment (RFC 3986 5.2.4); ".." above the root is
//   an error.
// - Control bytes, raw or decoded, and broken percent escapes are errors. So is what some servers
//   take for dot segments or slashes and others do not: "..;x" and a backslash that is not encoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/result.h"

namespace sluice::http {

class Path {
 public:
  Path() = default;  // "/"

  // `raw` starts with '/' and has no query.
  [[nodiscard]] static Result<Path> Parse(std::string_view raw);
  // Becomes that path, in the memory that it has. After an error it is of no use until Clear().
  [[nodiscard]] Result<> Read(std::string_view raw);
  // "/" again; memory of an ordinary size is kept.
  void Clear();

  [[nodiscard]] size_t segment_count() const { return ends_.size(); }
  // REQUIRES: i < segment_count().
  [[nodiscard]] std::string_view segment(size_t i) const {
    const size_t begin = i == 0 ? 1 : ends_[i - 1] + 1;
    return std::string_view(text_).substr(begin, ends_[i] - begin);
  }
  // "/a/" and "/a/." have it, "/a" has not; "/" alone has it.
  [[nodiscard]] bool trailing_slash() const { return trailing_slash_; }
  // A segment has, or had before "..", a '/' that came out of decoding.
  [[nodiscard]] bool encoded_slash() const { return encoded_slash_; }
  // It was written with "." or ".." segments.
  [[nodiscard]] bool dot_segments() const { return dot_segments_; }
  // The segments joined by '/', for logs. Routing goes by segments: here a '/' inside a segment
  // looks like a separator.
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  // Takes a path as it is, if nothing in it is encoded, empty or begins with a dot.
  [[nodiscard]] bool TakePlain(std::string_view raw);
  [[nodiscard]] Result<> Decode(std::string_view raw);

  std::string text_ = "/";
  std::vector<uint32_t> ends_;  // where each segment ends in text_
  bool trailing_slash_ = true;
  bool encoded_slash_ = false;
  bool dot_segments_ = false;
};

}  // namespace sluice::http
