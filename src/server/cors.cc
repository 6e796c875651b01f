#include "server/cors.h"

#include <algorithm>

#include <fmt/format.h>

namespace sluice::server {
namespace {

constexpr std::string_view kMethods = "GET, HEAD, POST, OPTIONS";
constexpr std::string_view kRouteMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
constexpr std::string_view kRequestHeaders =
    "Authorization, Cache-Control, Content-Type, Last-Event-ID";
// What a page may read of an answer beside the simple ones.
constexpr std::string_view kExposed = "Retry-After, WWW-Authenticate";

}  // namespace

bool Cors::IsPreflight(const http::Request& request) const {
  return config_ && request.method() == http::Method::kOptions && request.Header("Origin") &&
         request.Header("Access-Control-Request-Method");
}

http::Response Cors::AnswerPreflight(const http::Request& request) const {
  return Preflight(request, kMethods, kRequestHeaders);
}

http::Response Cors::AnswerRoutePreflight(const http::Request& request) const {
  http::Response response =
      Preflight(request, kRouteMethods,
                request.Header("Access-Control-Request-Headers").value_or(std::string_view()));
  response.headers.emplace_back("Vary", "Access-Control-Request-Headers");
  return response;
}

http::Response Cors::Preflight(const http::Request& request, std::string_view methods,
                               std::string_view fields) const {
  http::Response response{.status = 204, .headers = {}, .body = {}};
  if (AllowedOrigin(request).empty()) return response;
  response.headers = {
      {"Access-Control-Allow-Methods", std::string(methods)},
      {"Access-Control-Max-Age", fmt::format("{}", config_->max_age_ms / 1000)},
  };
  if (!fields.empty()) {
    response.headers.emplace_back("Access-Control-Allow-Headers", std::string(fields));
  }
  return response;
}

std::string_view Cors::AllowedOrigin(const http::Request& request) const {
  if (config_->any_origin()) return "*";
  const auto origin = request.Header("Origin");
  if (!origin) return {};
  const auto found = std::find(config_->origins.begin(), config_->origins.end(), *origin);
  return found != config_->origins.end() ? std::string_view(*found) : std::string_view();
}

Cors::Fields Cors::FieldsFor(const http::Request& request) const {
  Fields fields;
  if (!config_) return fields;
  // Caches must know that another origin gets another answer.
  if (!config_->any_origin()) fields.emplace_back("Vary", "Origin");
  const std::string_view origin = AllowedOrigin(request);
  if (origin.empty()) return fields;
  fields.emplace_back("Access-Control-Allow-Origin", origin);
  if (config_->credentials) fields.emplace_back("Access-Control-Allow-Credentials", "true");
  fields.emplace_back("Access-Control-Expose-Headers", kExposed);
  return fields;
}

}  // namespace sluice::server
