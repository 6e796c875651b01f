// The parts of the running gateway and their order. See sluice/server/gateway.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/admin.h"
#include "server/generation.h"
#include "server/loop_thread.h"
#include "server/metrics_topics.h"
#include "server/service_manager.h"
#include "server/source_upstreams.h"
#include "server/topic_ledger.h"
#include "server/upstream_broker.h"
#include "server/view.h"
#include "server/watchdog.h"
#include "server/worker.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/proxy/health_checker.h"
#include "sluice/pubsub/ingest.h"
#include "sluice/server/gateway.h"

namespace sluice::server {

class GatewayImpl {
 public:
  GatewayImpl(config::ConfigPtr config, const GatewayOptions& options);
  ~GatewayImpl();
  GatewayImpl(const GatewayImpl&) = delete;
  GatewayImpl& operator=(const GatewayImpl&) = delete;

  [[nodiscard]] Result<> Start();
  // Serves until it is told to stop.
  void Run();

 private:
  // One worker and the thread that it lives on.
  struct WorkerThread {
    explicit WorkerThread(const std::string& name) : thread(name) {}
    LoopThread thread;
    std::unique_ptr<Worker> worker;
  };

  void StartIngest();
  void StartWorkers(uint32_t count);
  // Opens what is wanted and not open yet: all of it, or nothing.
  [[nodiscard]] Result<> OpenListeners(const std::vector<config::Listen>& wanted,
                                       const config::Limits& limits);
  // Closes what is open and not wanted.
  void CloseListeners(const std::vector<config::Listen>& wanted);
  [[nodiscard]] Result<> OpenAdmin();
  [[nodiscard]] Result<> ReportReady();
  void HandleSignals();
  void OnSignal(int number);
  void ReportToServiceManager();
  void OnReloadSignal();
  [[nodiscard]] bool Reload();
  void Apply(const GenerationPtr& generation);
  [[nodiscard]] std::string ServingStatus() const;
  void OnStopSignal(const char* name);
  void BeginDrain();
  void OnWorkerDrained();
  void Stop();

  // An address of the config that all workers listen on.
  struct OpenListener {
    uint64_t number = 0;  // by which the workers know it
    config::Listen config;
    net::Endpoint bound;  // where it really listens
  };
  [[nodiscard]] Result<OpenListener> Open(const config::Listen& listen,
                                          const config::Limits& limits);
  void Close(const OpenListener& listener);

  config::ConfigPtr started_;  // as of the start
  config::ConfigPtr config_;   // as of the last reload
  GatewayOptions options_;
  pubsub::ProcessCounts counts_;
  std::vector<Counter> connections_;
  TokenMemory tokens_;
  TopicLedger ledger_;
  GatewayView view_;

  std::unique_ptr<event::Loop> loop_;
  std::unique_ptr<net::Network> network_;
  event::TimerWheel timers_;
  proxy::HealthChecker health_checker_;
  LoopThread ingest_thread_;
  // These three live on its thread; the broker is the ingest's.
  std::unique_ptr<SourceUpstreams> source_upstreams_;
  std::unique_ptr<pubsub::Ingest> ingest_;
  UpstreamBroker* upstream_broker_ = nullptr;
  std::optional<WorkerShared> shared_;
  std::vector<std::unique_ptr<WorkerThread>> workers_;
  std::vector<OpenListener> listeners_;
  uint64_t next_listener_ = 1;
  std::optional<net::Endpoint> admin_bound_;
  std::unique_ptr<MetricsTopics> metrics_topics_;
  std::unique_ptr<Admin> admin_;

  ServiceManager service_manager_;
  std::unique_ptr<Watchdog> watchdog_;
  std::vector<std::unique_ptr<event::Deferred>> signals_;
  std::unique_ptr<event::Timer> drain_delay_;
  std::unique_ptr<event::Timer> deadline_;
  std::unique_ptr<event::Waker> drained_waker_;
  std::unique_ptr<Inbox<uint32_t>> drained_;  // numbers of workers
  size_t still_draining_ = 0;
};

}  // namespace sluice::server
