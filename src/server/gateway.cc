#include "sluice/server/gateway.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <thread>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>

#include "server/fd_need.h"
#include "server/gateway_impl.h"
#include "server/process_info.h"
#include "sluice/base/clock.h"
#include "sluice/base/log.h"
#include "sluice/config/advice.h"
#include "sluice/pubsub/memory_broker.h"
#include "sluice/pubsub/redis_broker.h"
#include "sluice/uv/uv_loop.h"

namespace sluice::server {
namespace {

uint32_t WorkerCount(const config::Config& config) {
  return config.workers != 0 ? config.workers : std::max(1U, std::thread::hardware_concurrency());
}

// What the gateway answers to.
constexpr int kSignals[] = {SIGTERM, SIGQUIT, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

// Threads inherit the mask: with these blocked from the start, only the main thread ever takes
// them, once it has handlers. Meanwhile they wait: one that comes before there are handlers, or
// after they have gone with their loop, must not kill.
void MaskSignals(int how) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kSignals) sigaddset(&set, number);
  pthread_sigmask(how, &set, nullptr);
}

}  // namespace

GatewayImpl::GatewayImpl(config::ConfigPtr config, const GatewayOptions& options)
    : started_(std::move(config)),
      config_(started_),
      options_(options),
      connections_(WorkerCount(*config_)),
      tokens_(config_->limits.auth_failures),
      ledger_(connections_.size()),
      loop_(uv::MakeLoop()),
      network_(uv::MakeNetwork(*loop_)),
      timers_(*loop_),
      health_checker_({*loop_, timers_, *network_}),
      ingest_thread_("sluice-ingest"),
      service_manager_(ReadServiceEnvironment()),
      drain_delay_(loop_->MakeTimer([this] { BeginDrain(); })),
      deadline_(loop_->MakeTimer([this] {
        LogWarn(
            "drain: the deadline has passed: what is left is cut; raise drain.deadline if that "
            "is too soon");
        Stop();
      })),
      drained_waker_(
          loop_->MakeWaker([this] { drained_->Drain([this](uint32_t) { OnWorkerDrained(); }); })),
      drained_(std::make_unique<Inbox<uint32_t>>([this] { drained_waker_->Wake(); })) {
  view_.generation = std::make_shared<const Generation>(config_, ledger_, nullptr);
  view_.ledger = &ledger_;
  view_.version = options_.version;
  view_.started_ms = view_.loaded_ms = WallMs();
}

Result<> GatewayImpl::Start() {
  if (const Result<> good = view_.generation->Check(); !good) return good;
  CheckFdLimit(FdsNeeded(*config_, connections_.size()));
  for (const std::string& advice : config::AdviceOn(*config_)) LogWarn("{}", advice);
  StartIngest();
  StartWorkers(static_cast<uint32_t>(connections_.size()));
  if (const Result<> opened = OpenListeners(config_->listen, config_->limits); !opened) {
    return opened;
  }
  if (const Result<> opened = OpenAdmin(); !opened) return opened;
  health_checker_.Check(view_.generation->upstreams());
  // Whoever finds the pid file may signal at once.
  HandleSignals();
  if (!config_->pid_file.empty()) {
    if (const Result<> written = WritePidFile(config_->pid_file); !written) return written;
  }
  view_.listening = true;
  LogInfo("sluice {} started: {} workers, {} topics, broker {}", options_.version, workers_.size(),
          config_->topics.size(),
          config_->broker == config::BrokerKind::kRedis
              ? "redis " + config_->redis.endpoint.ToString()
              : "memory");
  if (const Result<> reported = ReportReady(); !reported) return reported;
  ReportToServiceManager();
  return {};
}

void GatewayImpl::StartIngest() {
  ingest_thread_.Call([this] {
    source_upstreams_ =
        std::make_unique<SourceUpstreams>(ingest_thread_.loop(), ingest_thread_.network());
    (void)source_upstreams_->Set(*view_.generation);
    ingest_ = std::make_unique<pubsub::Ingest>(
        ingest_thread_.loop(), view_.generation,
        [this](pubsub::BrokerHandler& handler) -> std::unique_ptr<pubsub::Broker> {
          if (config_->broker == config::BrokerKind::kMemory) {
            return std::make_unique<pubsub::MemoryBroker>(handler);
          }
          auto broker = std::make_unique<pubsub::RedisBroker>(
              ingest_thread_.loop(), ingest_thread_.network(), *config_, handler);
          view_.redis = &broker->stats();
          return broker;
        },
        [this](pubsub::BrokerHandler& handler) {
          auto broker = std::make_unique<UpstreamBroker>(
              ingest_thread_.loop(),
              [this](std::string_view name) { return source_upstreams_->Find(name); },
              config_->limits.message_bytes, handler);
          upstream_broker_ = broker.get();
          return broker;
        });
  });
  view_.ingest = ingest_.get();
}

void GatewayImpl::StartWorkers(uint32_t count) {
  shared_.emplace(WorkerShared{ingest_->inbox(), counts_, connections_, tokens_});
  for (uint32_t i = 0; i < count; ++i) {
    auto& started =
        *workers_.emplace_back(std::make_unique<WorkerThread>(fmt::format("sluice-worker{}", i)));
    started.thread.Call([this, i, &started] {
      started.worker = std::make_unique<Worker>(started.thread.loop(), started.thread.network(), i,
                                                *shared_, view_.generation);
    });
    view_.workers.push_back(started.worker.get());
  }
  ingest_thread_.Call([this] {
    for (const auto& worker : workers_) ingest_->AddWorker(worker->worker->hub_inbox());
    ingest_->Start();
  });
  metrics_topics_ = std::make_unique<MetricsTopics>(*loop_, view_, ingest_->inbox());
}

Result<> GatewayImpl::OpenAdmin() {
  if (!config_->admin) return {};
  admin_ = std::make_unique<Admin>(*loop_, *network_, view_);
  const Result<net::Endpoint> bound = admin_->Listen(*config_->admin);
  if (!bound) return tl::unexpected(bound.error());
  admin_bound_ = *bound;
  LogInfo("admin on {}", bound->ToString());
  return {};
}

Result<> GatewayImpl::ReportReady() {
  if (options_.ready_fd < 0) return {};
  std::string lines;
  for (const OpenListener& listener : listeners_) {
    lines += "listen " + listener.bound.ToString() + "\n";
  }
  if (admin_bound_) lines += "admin " + admin_bound_->ToString() + "\n";
  lines += "ready\n";
  const ssize_t n = write(options_.ready_fd, lines.data(), lines.size());
  const int error = errno;
  close(options_.ready_fd);
  if (n != static_cast<ssize_t>(lines.size())) {
    return FailSystem("cannot write to --ready-fd", n < 0 ? error : EPIPE);
  }
  return {};
}

void GatewayImpl::ReportToServiceManager() {
  watchdog_ = std::make_unique<Watchdog>(*loop_, service_manager_);
  const auto watch = [this](LoopThread& thread) {
    watchdog_->Watch(thread.name(), [&thread](auto task) { thread.Post(std::move(task)); });
  };
  watch(ingest_thread_);
  for (const auto& worker : workers_) watch(worker->thread);
  service_manager_.Ready(ServingStatus());
  watchdog_->Start();
}

std::string GatewayImpl::ServingStatus() const {
  std::string status = "serving on";
  for (const OpenListener& listener : listeners_) status += " " + listener.bound.ToString();
  return status;
}

void GatewayImpl::Run() {
  loop_->Run();
}

// --- signals and the end ---

void GatewayImpl::HandleSignals() {
  for (const int number : kSignals) {
    signals_.push_back(loop_->OnSignal(number, [this, number] { OnSignal(number); }));
  }
  MaskSignals(SIG_UNBLOCK);
}

void GatewayImpl::OnSignal(int number) {
  switch (number) {
    case SIGHUP:
      OnReloadSignal();
      break;
    case SIGUSR1:
      ReopenLog();
      break;
    case SIGUSR2:
      LogWarn("SIGUSR2: upgrading is not built yet");
      break;
    case SIGINT:
      OnStopSignal("SIGINT");
      break;
    case SIGQUIT:
      OnStopSignal("SIGQUIT");
      break;
    default:
      OnStopSignal("SIGTERM");
      break;
  }
}

void GatewayImpl::OnStopSignal(const char* name) {
  if (view_.draining) {
    LogWarn("{} again: stopping at once", name);
    Stop();
    return;
  }
  view_.draining = true;
  service_manager_.Stopping("draining");
  const config::Drain& drain = config_->drain;
  LogInfo(
      "{}: draining: not ready from now on, closing in {} ms, streams over {} ms, at most {} ms",
      name, drain.delay_ms, drain.spread_ms, drain.deadline_ms);
  deadline_->Start(drain.deadline_ms);
  drain_delay_->Start(drain.delay_ms);
}

void GatewayImpl::BeginDrain() {
  still_draining_ = workers_.size();
  for (uint32_t i = 0; i < workers_.size(); ++i) {
    WorkerThread& worker = *workers_[i];
    worker.thread.Post([this, i, &worker] {
      worker.worker->Drain(config_->drain.spread_ms, [this, i] { drained_->Push(i); });
    });
  }
}

void GatewayImpl::OnWorkerDrained() {
  if (--still_draining_ > 0) return;
  LogInfo("drained");
  Stop();
}

void GatewayImpl::Stop() {
  loop_->Stop();
}

// From the edge inwards. Handlers are deleted in the turn after their connection was cut, and refer
// to their worker; so closing and destroying are two tasks.
GatewayImpl::~GatewayImpl() {
  for (const auto& worker : workers_) {
    if (worker->worker != nullptr) worker->thread.Call([&worker] { worker->worker->Close(); });
  }
  metrics_topics_.reset();
  // Redis may have something to say until the end.
  if (ingest_ != nullptr) ingest_thread_.Call([this] { ingest_->ForgetWorkers(); });
  for (const auto& worker : workers_) {
    worker->thread.Call([&worker] { worker->worker.reset(); });
  }
  if (ingest_ != nullptr) {
    ingest_thread_.Call([this] {
      ingest_.reset();
      source_upstreams_.reset();
    });
  }
  workers_.clear();
  if (admin_ != nullptr) admin_->Close();
  if (!config_->pid_file.empty() && view_.listening) unlink(config_->pid_file.c_str());
  admin_.reset();
  MaskSignals(SIG_BLOCK);
  signals_.clear();
}

int RunGateway(config::ConfigPtr config, const GatewayOptions& options) {
  // Writing to a socket whose peer is gone is an error to handle, not a reason to die.
  std::signal(SIGPIPE, SIG_IGN);
  MaskSignals(SIG_BLOCK);
  const Result<> log =
      StartLog({.level = config->log_level,
                .path = config->log_path,
                .access_path = config->access_log ? config->access_log->path : std::string()});
  if (!log) {
    LogError("sluice: {}", log.error().message);
    return 1;
  }
  int code = 0;
  {
    GatewayImpl gateway(std::move(config), options);
    if (const Result<> started = gateway.Start(); started) {
      gateway.Run();
    } else {
      LogError("cannot start: {}", started.error().message);
      code = 1;
    }
  }
  LogInfo("stopped");
  StopLog();
  return code;
}

}  // namespace sluice::server
