// SIGHUP: what GatewayImpl does with a configuration that has changed.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/ranges.h>

#include "server/fd_need.h"
#include "server/gateway_impl.h"
#include "server/reload_plan.h"
#include "sluice/base/clock.h"
#include "sluice/base/log.h"
#include "sluice/config/advice.h"
#include "sluice/config/load.h"

namespace sluice::server {

void GatewayImpl::OnReloadSignal() {
  if (view_.draining) {
    LogWarn("reload: the gateway is about to stop; nothing is read again");
    return;
  }
  service_manager_.Reloading();
  view_.last_reload_ok = Reload();
  ++(view_.last_reload_ok ? view_.reloads_done : view_.reloads_failed);
  service_manager_.Ready(ServingStatus());
}

bool GatewayImpl::Reload() {
  const config::LoadResult next = config::LoadConfig(options_.config_path);
  if (!next) {
    for (const config::Problem& problem : next.error()) LogError("reload: {}", problem.ToString());
    LogError("reload: the configuration stays as it was; mend the file and send SIGHUP again");
    return false;
  }
  const ReloadPlan plan = PlanReload(*started_, *config_, **next);
  const auto generation =
      std::make_shared<const Generation>(plan.config, ledger_, view_.generation.get());
  if (const Result<> good = generation->Check(); !good) {
    LogError("reload: {}; the configuration stays as it was", good.error().message);
    return false;
  }
  // What can fail comes first, and is undone.
  if (const Result<> opened = OpenListeners(plan.config->listen, plan.config->limits); !opened) {
    LogError("reload: {}; the configuration stays as it was", opened.error().message);
    return false;
  }
  SetLogLevel(plan.config->log_level);
  for (const std::string& advice : config::AdviceOn(**next)) LogWarn("reload: {}", advice);
  const FdNeed need = FdsNeeded(*plan.config, connections_.size());
  if (need != FdsNeeded(*config_, connections_.size())) CheckFdLimit(need);
  Apply(generation);
  CloseListeners(plan.config->listen);
  view_.changes.Add(plan);
  if (!plan.waiting.empty()) {
    LogWarn("reload: these have changed and need a restart: {}", fmt::join(plan.waiting, ", "));
  }
  LogInfo("reloaded {}: {}", options_.config_path, plan.Summary());
  return true;
}

// When it returns, all threads go by it. Ingest has it first: what a worker asks of it is of this
// generation or an older one, never of one that it does not know.
void GatewayImpl::Apply(const GenerationPtr& generation) {
  ingest_thread_.Call([&] {
    const std::vector<std::string> changed = source_upstreams_->Set(*generation);
    ingest_->SetCatalog(generation);
    upstream_broker_->Reload(generation->limits().message_bytes, changed);
  });
  for (const auto& started : workers_) {
    started->thread.Call([&] { started->worker->SetGeneration(generation); });
  }
  health_checker_.Check(generation->upstreams());
  config_ = generation->shared_config();
  std::erase_if(view_.older, [](const auto& older) { return older.expired(); });
  view_.older.emplace_back(std::exchange(view_.generation, generation));
  view_.loaded_ms = WallMs();
  metrics_topics_->Update();
}

}  // namespace sluice::server
