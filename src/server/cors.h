// Cross-origin access for browsers (Fetch 3.2, "HTTP CORS protocol"). Immutable, any thread.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/config/auth.h"
#include "sluice/http/request.h"
#include "sluice/http/response.h"

namespace sluice::server {

class Cors {
 public:
  // Null: no CORS, and nothing below adds anything.
  explicit Cors(const std::optional<config::Cors>& config) : config_(config) {}

  // Whether a browser asks if it may send the real request. It is answered without a token, which
  // browsers do not send with it.
  [[nodiscard]] bool IsPreflight(const http::Request& request) const;
  [[nodiscard]] http::Response AnswerPreflight(const http::Request& request) const;
  // The same for what an app answers: it may be asked with any method and any field.
  [[nodiscard]] http::Response AnswerRoutePreflight(const http::Request& request) const;

  using Fields = std::vector<std::pair<std::string_view, std::string_view>>;
  // The fields of an answer to `request`. Every answer needs them, errors too: without, a page
  // cannot tell a 401 from a dead network. The views live as long as this.
  [[nodiscard]] Fields FieldsFor(const http::Request& request) const;

 private:
  [[nodiscard]] http::Response Preflight(const http::Request& request, std::string_view methods,
                                         std::string_view fields) const;
  // What Access-Control-Allow-Origin says; empty: that origin may not.
  [[nodiscard]] std::string_view AllowedOrigin(const http::Request& request) const;

  const std::optional<config::Cors>& config_;
};

}  // namespace sluice::server
