#include "proxy/server_list.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace sluice::proxy {

ServerList::ServerList(const UpstreamEnvironment& environment, UpstreamState& state,
                       UpstreamStats& stats, std::function<void()> changed)
    : environment_(environment), state_(state), stats_(stats), changed_(std::move(changed)) {
  const config::Upstream& config = state_.config();
  for (size_t i = 0; i < config.servers.size(); ++i) {
    const net::Endpoint& endpoint = config.servers[i].endpoint;
    if (!endpoint.is_name()) {
      names_.push_back(nullptr);
      Add(i, endpoint, servers_);
      continue;
    }
    names_.push_back(std::make_unique<NameWatcher>(
        environment_, endpoint, config.resolve_interval_ms,
        fmt::format("upstream={} server={}", config.name, state_.server_names()[i]),
        [this] { Update(); }));
  }
}

bool ServerList::resolving() const {
  return std::any_of(names_.begin(), names_.end(),
                     [](const auto& name) { return name != nullptr && name->unknown(); });
}

std::string ServerList::trouble() const {
  for (const auto& name : names_) {
    if (name != nullptr && name->addresses().empty()) return name->trouble();
  }
  return "";
}

void ServerList::Add(size_t config_index, const net::Endpoint& address, Servers& to) {
  to.push_back(std::make_unique<Server>(
      ++last_id_, state_.config().servers[config_index], state_.server_names()[config_index],
      state_.Address(config_index, address), stats_.servers[config_index]));
}

void ServerList::Update() {
  Servers next;
  for (size_t i = 0; i < names_.size(); ++i) {
    const config::UpstreamServer& config = state_.config().servers[i];
    const std::vector<net::Endpoint> addresses =
        names_[i] == nullptr ? std::vector{config.endpoint} : names_[i]->addresses();
    for (const net::Endpoint& address : addresses) {
      const auto same = std::find_if(servers_.begin(), servers_.end(), [&](const auto& server) {
        return server != nullptr && &server->config() == &config && server->address() == address;
      });
      if (same != servers_.end()) {
        next.push_back(std::move(*same));
      } else {
        Add(i, address, next);
      }
    }
  }
  for (auto& server : servers_) {
    if (server == nullptr) continue;
    server->Retire();
    retired_.push_back(std::move(server));
  }
  std::erase_if(retired_, [](const auto& server) { return server->active() == 0; });
  servers_ = std::move(next);
  changed_();
}

}  // namespace sluice::proxy
