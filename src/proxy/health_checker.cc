#include "sluice/proxy/health_checker.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "proxy/dialer.h"
#include "proxy/health_probe.h"
#include "proxy/name_watcher.h"
#include "sluice/base/log.h"
#include "sluice/base/random.h"

namespace sluice::proxy {
namespace {

// One address of a server, and how its last checks ended.
class AddressHealth final : private event::TimerWheel::Handler {
 public:
  AddressHealth(const UpstreamEnvironment& environment, const Dialer& dialer,
                UpstreamState& upstream, size_t server, const net::Endpoint& address)
      : environment_(environment),
        dialer_(dialer),
        upstream_(upstream.config()),
        server_(upstream.config().servers[server]),
        name_(upstream.server_names()[server]),
        state_(upstream.Address(server, address)),
        next_(*this) {
    OnTimeout(next_);
  }

  [[nodiscard]] const net::Endpoint& address() const { return state_->address(); }

 private:
  void OnTimeout(event::TimerWheel::Node& /*node*/) override {
    probe_ = std::make_unique<HealthProbe>(environment_, dialer_, upstream_, server_, address(),
                                           [this](std::string fault) { OnProbed(fault); });
  }

  void OnProbed(const std::string& fault) {
    probe_.reset();
    const uint64_t interval = upstream_.health_check->interval_ms;
    environment_.timers.Arm(next_, interval - RandomBelow(interval / 10 + 1));
    const bool healthy = state_->healthy();
    if (fault.empty() == healthy) {
      against_ = 0;
      return;
    }
    const uint32_t needed = healthy ? upstream_.health_check->fall : upstream_.health_check->rise;
    if (++against_ < needed) return;
    against_ = 0;
    state_->set_healthy(!healthy);
    const std::string where =
        server_.endpoint.is_name() ? fmt::format("{} ({})", name_, address().ToString()) : name_;
    if (healthy) {
      LogWarn("upstream={} server={} is down: {}; {} health checks failed", upstream_.name, where,
              fault, needed);
    } else {
      LogInfo("upstream={} server={} is up: {} health checks succeeded", upstream_.name, where,
              needed);
    }
  }

  const UpstreamEnvironment& environment_;
  const Dialer& dialer_;
  const config::Upstream& upstream_;
  const config::UpstreamServer& server_;
  const std::string& name_;
  const std::shared_ptr<ServerState> state_;
  event::TimerWheel::Node next_;
  std::unique_ptr<HealthProbe> probe_;
  uint32_t against_ = 0;  // checks in a row that say the opposite of what holds
};

}  // namespace

// All addresses of one upstream.
class UpstreamHealth {
 public:
  UpstreamHealth(const UpstreamEnvironment& environment, std::shared_ptr<UpstreamState> state)
      : environment_(environment), state_(std::move(state)), dialer_(environment_, *state_) {
    const config::Upstream& config = state_->config();
    servers_.resize(config.servers.size());
    for (size_t i = 0; i < servers_.size(); ++i) {
      const net::Endpoint& endpoint = config.servers[i].endpoint;
      if (!endpoint.is_name()) {
        Update(i, {endpoint});
        continue;
      }
      servers_[i].name =
          std::make_unique<NameWatcher>(environment_, endpoint, config.resolve_interval_ms,
                                        fmt::format("upstream={} server={} of health checks",
                                                    config.name, state_->server_names()[i]),
                                        [this, i] { Update(i, servers_[i].name->addresses()); });
    }
  }

  [[nodiscard]] const std::shared_ptr<UpstreamState>& state() const { return state_; }

 private:
  struct CheckedServer {
    std::unique_ptr<NameWatcher> name;  // null: it has one address
    std::vector<std::unique_ptr<AddressHealth>> addresses;
  };

  void Update(size_t server, const std::vector<net::Endpoint>& addresses) {
    std::vector<std::unique_ptr<AddressHealth>> next;
    for (const net::Endpoint& address : addresses) {
      auto& known = servers_[server].addresses;
      const auto same = std::find_if(known.begin(), known.end(), [&](const auto& health) {
        return health != nullptr && health->address() == address;
      });
      next.push_back(same != known.end() ? std::move(*same)
                                         : std::make_unique<AddressHealth>(
                                               environment_, dialer_, *state_, server, address));
    }
    servers_[server].addresses = std::move(next);
  }

  const UpstreamEnvironment environment_;
  const std::shared_ptr<UpstreamState> state_;
  const Dialer dialer_;
  std::vector<CheckedServer> servers_;
};

HealthChecker::HealthChecker(const UpstreamEnvironment& environment) : environment_(environment) {}

HealthChecker::~HealthChecker() = default;

void HealthChecker::Check(const UpstreamStates& states) {
  // It is called at the end of a start or a reload, which may have taken longer than a check may.
  environment_.loop.UpdateNow();
  std::vector<std::unique_ptr<UpstreamHealth>> next;
  for (const auto& state : states) {
    if (!state->config().health_check) continue;
    const auto same = std::find_if(upstreams_.begin(), upstreams_.end(), [&](const auto& health) {
      return health != nullptr && health->state() == state;
    });
    next.push_back(same != upstreams_.end()
                       ? std::move(*same)
                       : std::make_unique<UpstreamHealth>(environment_, state));
  }
  upstreams_ = std::move(next);
}

}  // namespace sluice::proxy
