// auth: {request: ...}: asks an app, by a request of its own, whether a client's request may go on
// (nginx's auth_request). 2xx lets in; 401 and 403 are passed on; all else is a 500. Worker-thread
// only.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "server/proxy_handler.h"

namespace sluice::server {

// Who answers a request that was let in. `fields`: what of the app's answer goes to the upstream.
using Admitted = std::function<std::unique_ptr<RequestHandler>(Exchange& exchange,
                                                               const proxy::FieldList& fields)>;

// `auth` is the present generation's. `asked_for` is what a good answer that is cached holds for:
// no two routes and topics may have the same.
[[nodiscard]] std::unique_ptr<RequestHandler> RequestAuth(const ProxyEnvironment& environment,
                                                          const config::AuthRequest& auth,
                                                          std::string_view asked_for,
                                                          Exchange& exchange, Admitted admitted);

}  // namespace sluice::server
