// Cuts the lines of a head or of a trailer section, beside llhttp: where the section ends is
// decided twice, and both must agree. llhttp takes line ends that others read differently, and
// folded lines (RFC 9112 5.2). Pure functions, any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::http {

// How far bytes belong to the section.
struct ScannedHead {
  size_t size = 0;
  bool ended = false;    // the empty line is the end of them
  bool strange = false;  // what comes next is a bare CR or LF, or a folded line
};

// `before` is what of the section came before `bytes`.
[[nodiscard]] ScannedHead ScanHead(std::string_view before, std::string_view bytes);

}  // namespace sluice::http
