#include "server/proxy_handler.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "server/auth_request.h"
#include "server/proxy_request.h"
#include "sluice/http/response.h"
#include "sluice/proxy/forward_request.h"

namespace sluice::server {

std::unique_ptr<RequestHandler> HandleProxy(const ProxyEnvironment& environment,
                                            const routing::Match& match, Exchange& exchange) {
  const Generation& generation = *environment.generation;
  const config::Route& route = generation.config().routes[match.index];
  exchange.set_route_label(route.name);
  exchange.set_error_pages(&route.error_pages);
  if (exchange.request().method() == http::Method::kTrace) {
    // Its answer would show a script what a browser and we have added: cookies, addresses.
    http::Response response = http::ErrorResponse(405, "TRACE is not passed on");
    response.headers.emplace_back("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    exchange.Respond(std::move(response));
    return nullptr;
  }
  const net::PeerAddress client =
      proxy::ClientAddress(exchange.request(), generation.config().forwarding, exchange.peer());
  Limiter& limiter = environment.limiter;
  const LimitScope& scope = limiter.route(match.index);
  if (!limiter.AdmitRequest(scope, exchange, client, nullptr)) return nullptr;
  const std::optional<auth::Identity> identity =
      environment.access.Admit(exchange, route.auth, auth::Right::kEnter, route.name);
  if (!identity) return nullptr;
  if (!limiter.AdmitRequest(scope, exchange, client, &*identity)) return nullptr;
  const uint64_t body_limit = route.body_bytes.value_or(generation.config().limits.body_bytes);
  if (exchange.request().content_length() > body_limit) {
    exchange.Respond(http::ErrorResponse(413, "the body is larger than this route takes"));
    return nullptr;
  }
  if (exchange.client_ended()) {
    exchange.Close();
    return nullptr;
  }
  std::optional<Place> place = limiter.AdmitConnection(scope, exchange, client, *identity);
  if (!place) return nullptr;
  auto request =
      std::make_unique<ProxyRequest>(environment, route, client, *std::move(place), exchange);
  if (!route.auth_request) {
    request->Begin({});
    return request;
  }
  // A function that can be copied holds what cannot.
  auto waiting = std::make_shared<std::unique_ptr<ProxyRequest>>(std::move(request));
  return RequestAuth(environment, *route.auth_request, fmt::format("route {}", match.index),
                     exchange, [waiting](Exchange& admitted, const proxy::FieldList& fields) {
                       std::unique_ptr<ProxyRequest> next = std::move(*waiting);
                       if (admitted.client_ended()) {
                         admitted.Close();
                         next.reset();
                       } else {
                         next->Begin(fields);
                       }
                       return next;
                     });
}

}  // namespace sluice::server
