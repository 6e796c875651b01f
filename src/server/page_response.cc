#include <utility>

#include <fmt/format.h>

#include "server/pages.h"
#include "sluice/base/random.h"

namespace sluice::server {
namespace {

constexpr uint32_t kNonceLetters = 24;  // 124 bits

std::string Replaced(std::string_view text, std::string_view what, std::string_view with) {
  std::string result;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what)) {
    result += text.substr(0, at);
    result += with;
    text.remove_prefix(at + what.size());
  }
  result += text;
  return result;
}

}  // namespace

std::string FillPage(std::string_view page, std::string_view json) {
  return Replaced(page, "{{data}}", Replaced(json, "<", "\\u003c"));
}

http::Response PageResponse(std::string_view page) {
  const std::string nonce = RandomName(kNonceLetters);
  std::string policy = fmt::format(
      "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; connect-src 'self'; "
      "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      nonce);
  return {.status = 200,
          .headers = {{"Content-Type", "text/html; charset=utf-8"},
                      {"Cache-Control", "no-store"},
                      {"Content-Security-Policy", std::move(policy)},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"}},
          .body = Replaced(page, "{{nonce}}", nonce)};
}

}  // namespace sluice::server
