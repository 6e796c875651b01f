#include "http/head_scan.h"

namespace sluice::http {

ScannedHead ScanHead(std::string_view before, std::string_view bytes) {
  size_t at = 0;
  if (before.ends_with('\r') && !bytes.empty()) {
    if (bytes.front() != '\n') return {.size = 0, .strange = true};
    at = 1;
    if (before.ends_with("\r\n\r")) return {.size = at, .ended = true};
  }
  bool fresh = at > 0 || before.ends_with('\n');  // a line begins at `at`
  while (at < bytes.size()) {
    if (fresh && (bytes[at] == ' ' || bytes[at] == '\t')) return {.size = at, .strange = true};
    const size_t lf = bytes.find('\n', at);
    const std::string_view line = bytes.substr(0, lf).substr(at);
    const size_t cr = line.find('\r');
    if (lf == std::string_view::npos) {
      if (cr < line.size() - 1) return {.size = at + cr + 1, .strange = true};
      return {.size = bytes.size()};
    }
    if (cr == std::string_view::npos) return {.size = lf, .strange = true};
    if (cr != line.size() - 1) return {.size = at + cr + 1, .strange = true};
    at = lf + 1;
    if (fresh && cr == 0) return {.size = at, .ended = true};
    fresh = true;
  }
  return {.size = at};
}

}  // namespace sluice::http
