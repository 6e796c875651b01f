#include "server/admin.h"

#include <utility>

#include "server/metrics.h"
#include "server/pages.h"
#include "server/status.h"
#include "sluice/base/log.h"
#include "sluice/http/response.h"

namespace sluice::server {
namespace {

http::Response Text(int status, std::string_view type, std::string body) {
  return {.status = status,
          .headers = {{"Content-Type", std::string(type)}, {"Cache-Control", "no-store"}},
          .body = std::move(body)};
}

constexpr std::string_view kJson = "application/json";

// Connection ids begin above those of all workers.
constexpr uint64_t kFirstId = uint64_t{1} << 56;

}  // namespace

Admin::Admin(event::Loop& loop, net::Network& network, const GatewayView& view)
    : view_(view),
      network_(network),
      timers_(loop),
      sampler_(loop, view, [this] { OnSampled(); }),
      status_stream_(loop, timers_),
      sessions_({loop, timers_, *this, settings_}, kFirstId) {}

Result<net::Endpoint> Admin::Listen(const net::Endpoint& endpoint) {
  net::ListenOptions options;
  options.endpoint = endpoint;
  auto listener = network_.Listen(
      options, [this](std::unique_ptr<net::Stream> stream) { sessions_.Add(std::move(stream)); },
      [](bool exhausted) {
        if (!exhausted) return;
        LogError(
            "admin: out of file descriptors: accepting is paused until some are closed; raise the "
            "limit (LimitNOFILE, ulimit -n) or lower limits.connections");
      });
  if (!listener) return tl::unexpected(listener.error());
  listener_ = std::move(*listener);
  return listener_->endpoint();
}

void Admin::Close() {
  listener_.reset();
  sessions_.CloseAll();
  status_stream_.Close();
}

void Admin::OnSampled() {
  if (status_stream_.viewers() > 0) status_stream_.Send(StatusDocument(view_, sampler_).dump());
}

std::unique_ptr<RequestHandler> Admin::Dispatch(Exchange& exchange) {
  const http::Request& request = exchange.request();
  if (request.method() != http::Method::kGet && request.method() != http::Method::kHead) {
    http::Response response = http::ErrorResponse(405, "the admin listener answers GET and HEAD");
    response.headers.emplace_back("Allow", "GET, HEAD");
    exchange.Respond(std::move(response));
    return nullptr;
  }
  const std::string_view path = request.path().text();
  if (path == "/healthz") {
    exchange.Respond(Text(200, "text/plain; charset=utf-8", "ok\n"));
  } else if (path == "/readyz") {
    exchange.Respond(Text(view_.ready() ? 200 : 503, kJson, RenderReadiness(view_)));
  } else if (path == "/metrics") {
    exchange.Respond(Text(200, "text/plain; version=0.0.4; charset=utf-8", RenderMetrics(view_)));
  } else if (path == "/status.json") {
    exchange.Respond(Text(200, kJson, StatusDocument(view_, sampler_).dump(2) + "\n"));
  } else if (path == "/status") {
    exchange.Respond(PageResponse(kStatusPage));
  } else if (path == "/status/history") {
    exchange.Respond(Text(200, kJson, sampler_.RenderHistory()));
  } else if (path == StatusStream::kPath) {
    return status_stream_.Dispatch(exchange);
  } else if (path == "/") {
    http::Response response = Text(302, "text/plain; charset=utf-8", "see /status\n");
    response.headers.emplace_back("Location", "/status");
    exchange.Respond(std::move(response));
  } else {
    exchange.Respond(http::ErrorResponse(
        404, "the admin listener has /healthz, /readyz, /metrics, /status and /status.json"));
  }
  return nullptr;
}

}  // namespace sluice::server
