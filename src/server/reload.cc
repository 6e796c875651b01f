#include "server/reload.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "server/gateway_impl.h"
#include "sluice/base/log.h"
#include "sluice/config/advice.h"
#include "sluice/config/load.h"

namespace sluice::server {
namespace {

const config::AuthScheme* FindScheme(const config::Config& config, const std::string& name) {
  for (const config::AuthScheme& scheme : config.auth) {
    if (scheme.name == name) return &scheme;
  }
  return nullptr;
}

std::vector<std::string> ChangedSchemes(const config::Config& old, const config::Config& next) {
  std::vector<std::string> names;
  for (const config::AuthScheme& scheme : next.auth) {
    const config::AuthScheme* before = FindScheme(old, scheme.name);
    if (before == nullptr || !(*before == scheme)) names.push_back(scheme.name);
  }
  for (const config::AuthScheme& scheme : old.auth) {
    if (FindScheme(next, scheme.name) == nullptr) names.push_back(scheme.name);
  }
  return names;
}

}  // namespace

Result<ReloadPlan> PlanReload(const config::Config& running, const config::Config& latest,
                              const config::Config& next) {
  const auto missing = [&](const std::string& name) {
    return !name.empty() && FindScheme(next, name) == nullptr;
  };
  for (const config::Topic& topic : running.topics) {
    if (missing(topic.auth)) {
      return Fail(Errc::kInvalid,
                  fmt::format("auth.{} is gone, and topics.{} needs it until a restart", topic.auth,
                              topic.name));
    }
  }
  for (const config::Publish& entry : running.publish) {
    if (missing(entry.auth)) {
      return Fail(Errc::kInvalid, fmt::format("auth.{} is gone, and the publish path {} needs it "
                                              "until a restart",
                                              entry.auth, entry.path));
    }
  }
  ReloadPlan plan;
  plan.schemes = ChangedSchemes(latest, next);
  const std::pair<std::string_view, bool> kept[] = {
      {"listen", running.listen == next.listen},
      {"workers", running.workers == next.workers},
      {"pid_file", running.pid_file == next.pid_file},
      {"admin", running.admin == next.admin},
      {"log.path", running.log_path == next.log_path},
      {"log.access", running.access_log == next.access_log},
      {"broker", running.broker == next.broker},
      {"redis", running.redis == next.redis},
      {"limits", running.limits == next.limits},
      {"cors", running.cors == next.cors},
      {"topics", running.topics == next.topics},
      {"publish", running.publish == next.publish},
      {"drain", running.drain == next.drain},
      {"demo", running.demo == next.demo},
  };
  for (const auto& [key, same] : kept) {
    if (!same) plan.waiting.emplace_back(key);
  }
  return plan;
}

void GatewayImpl::OnReloadSignal() {
  if (!view_.draining) service_manager_.Reloading();
  Reload();
  if (!view_.draining) service_manager_.Ready(ServingStatus());
}

void GatewayImpl::Reload() {
  const config::LoadResult next = config::LoadConfig(options_.config_path);
  if (!next) {
    ++view_.reloads_failed;
    for (const config::Problem& problem : next.error()) LogError("reload: {}", problem.ToString());
    LogError("reload: the configuration stays as it was; mend the file and send SIGHUP again");
    return;
  }
  const Result<ReloadPlan> plan = PlanReload(*config_, *latest_, **next);
  if (!plan) {
    ++view_.reloads_failed;
    LogError("reload: {}; the configuration stays as it was", plan.error().message);
    return;
  }
  ++view_.reloads_done;
  latest_ = *next;
  SetLogLevel(latest_->log_level);
  for (const std::string& advice : config::AdviceOn(*latest_)) LogWarn("reload: {}", advice);
  const auto schemes = std::make_shared<const auth::Schemes>(latest_->auth);
  for (const auto& started : workers_) {
    Worker& worker = *started->worker;
    started->thread.Post([&worker, schemes] { worker.SetSchemes(schemes); });
  }
  if (!plan->waiting.empty()) {
    LogWarn("reload: these have changed and need a restart: {}", fmt::join(plan->waiting, ", "));
  }
  LogInfo("reloaded {}: auth schemes changed: {}", options_.config_path,
          plan->schemes.empty() ? "none" : fmt::format("{}", fmt::join(plan->schemes, ", ")));
}

}  // namespace sluice::server
