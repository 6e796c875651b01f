#include "proxy/pool.h"

#include <algorithm>
#include <utility>

#include "sluice/base/log.h"

namespace sluice::proxy {
namespace {

// A server that closes idle connections after N seconds must not do so while a request is on its
// way to it.
constexpr uint64_t kMarginMs = 1'000;

}  // namespace

std::unique_ptr<Connection> Pool::Take(Server& server) {
  if (server.idle.empty()) return nullptr;
  auto connection = std::move(server.idle.back());
  server.idle.pop_back();
  server.stats().idle.Sub();
  return connection;
}

void Pool::Put(std::unique_ptr<Connection> connection) {
  WarnOfSurplus(*connection);
  const uint64_t keep_ms = connection->reusable() ? KeepMs(*connection) : 0;
  if (keep_ms == 0) {
    Connection::Drop(std::move(connection));
    return;
  }
  if (size() >= config_.keepalive) CloseOldest();
  Server& server = connection->server();
  connection->Keep(*this, keep_ms);
  server.idle.push_back(std::move(connection));
  server.stats().idle.Add();
}

uint64_t Pool::KeepMs(const Connection& connection) const {
  if (closed_ || config_.keepalive == 0 || connection.server().retired()) return 0;
  if (connection.requests() >= config_.keepalive_requests) return 0;
  const uint64_t age = loop_.NowMs() - connection.made_ms();
  if (age >= config_.keepalive_age_ms) return 0;
  const uint64_t server_keeps = connection.server_keeps_ms();
  return std::min({uint64_t{config_.keepalive_timeout_ms}, config_.keepalive_age_ms - age,
                   server_keeps > kMarginMs ? server_keeps - kMarginMs : 0});
}

void Pool::WarnOfSurplus(const Connection& connection) {
  if (!connection.surplus()) return;
  if (const auto left_out = surplus_line_.Admit(loop_.NowMs())) {
    LogWarn(
        "upstream={} server={} sent more than its answer: nobody gets it, and the connection is "
        "closed; see the app's own log{}",
        config_.name, connection.server().name(), LeftOut(*left_out));
  }
}

void Pool::CloseOldest() {
  Server* oldest = nullptr;
  for (const auto& server : servers_) {
    if (server->idle.empty()) continue;
    if (oldest == nullptr || server->idle.front()->kept_ms() < oldest->idle.front()->kept_ms()) {
      oldest = server.get();
    }
  }
  if (oldest != nullptr) Close(*oldest, 0);
}

void Pool::OnIdleEnd(Connection& connection) {
  WarnOfSurplus(connection);
  Server& server = connection.server();
  const auto at = std::find_if(server.idle.begin(), server.idle.end(),
                               [&](const auto& kept) { return kept.get() == &connection; });
  Close(server, static_cast<size_t>(at - server.idle.begin()));
}

void Pool::Close(Server& server, size_t at) {
  auto connection = std::move(server.idle[at]);
  server.idle.erase(server.idle.begin() + static_cast<ptrdiff_t>(at));
  server.stats().idle.Sub();
  Connection::Drop(std::move(connection));
}

void Pool::Close() {
  closed_ = true;
  for (const auto& server : servers_) {
    while (!server->idle.empty()) Close(*server, server->idle.size() - 1);
  }
}

size_t Pool::size() const {
  size_t size = 0;
  for (const auto& server : servers_) size += server->idle.size();
  return size;
}

}  // namespace sluice::proxy
