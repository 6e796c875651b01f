#include "cli/bench_run.h"

#include <algorithm>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "cli/bench_board.h"
#include "cli/bench_children.h"
#include "cli/bench_progress.h"
#include "cli/bench_subscribers.h"
#include "sluice/base/clock.h"

namespace sluice::cli::bench {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kTickNs = 20 * kMillisecond;

void SleepUntil(uint64_t at_ns) {
  const timespec at{.tv_sec = static_cast<time_t>(at_ns / 1'000'000'000),
                    .tv_nsec = static_cast<long>(at_ns % 1'000'000'000)};
  (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
}

class Run {
 public:
  explicit Run(const BenchPlan& plan) : plan_(plan), progress_(plan.options.quiet) {}

  Result<BenchReport> Execute() {
    report_.options = plan_.options;
    if (auto begun = Begin(); !begun) return tl::unexpected(begun.error());
    const auto measured = plan_.options.memory ? MeasureMemory() : MeasureEvents();
    if (!measured) return tl::unexpected(measured.error());
    board_->commands().stop.Set(1);
    if (auto ended = WaitUntil(kStopTimeoutNs, [this] { return AllFinished(); }); !ended) {
      return tl::unexpected(ended.error());
    }
    Collect();
    return std::move(report_);
  }

 private:
  static constexpr uint64_t kStopTimeoutNs = 30'000 * kMillisecond;

  Result<> Begin() {
    const BenchOptions& options = plan_.options;
    auto board = Board::Create(options.processes, plan_.schedule.events);
    if (!board) return tl::unexpected(board.error());
    board_ = std::move(*board);
    if (!options.pids.empty()) {
      auto meter = ProcessMeter::Open(options.pids);
      if (!meter) return tl::unexpected(meter.error());
      server_.emplace(std::move(*meter));
    }
    const uint64_t now = MonotonicNs();
    for (size_t n = 0; n < options.processes; ++n) {
      if (auto started = StartSubscribers(n, now); !started) return started;
    }
    if (plan_.publishes() && !options.memory) {
      auto started = publisher_.Start([this] {
        RunPublisher(plan_.target, plan_.schedule, board_->commands(), board_->publisher());
      });
      if (!started) return started;
      auto ready = WaitUntil(options.connect_timeout_ms * kMillisecond,
                             [this] { return board_->publisher().ready.Get() != 0; });
      if (!ready) return ready;
    }
    return {};
  }

  Result<> StartSubscribers(size_t n, uint64_t now) {
    const BenchOptions& options = plan_.options;
    SubscriberOptions subscriber;
    subscriber.url = plan_.url;
    subscriber.address = plan_.address;
    subscriber.headers = options.headers;
    subscriber.process = n;
    subscriber.processes = options.processes;
    subscriber.ramp_per_second = options.ramp_per_second / static_cast<uint32_t>(options.processes);
    if (options.ramp_per_second > 0) {
      subscriber.ramp_per_second = std::max(1U, subscriber.ramp_per_second);
    }
    subscriber.source_addresses = options.source_addresses;
    subscriber.stopped_share = options.stopped_share;
    subscriber.poll_us = static_cast<uint32_t>(std::min<uint64_t>(options.poll_ms, 100) * 1000);
    subscriber.payload_bytes = options.payload_bytes;
    subscriber.keep_ids = options.reconnect_at_ms > 0;
    subscriber.server_publishes = !plan_.publishes();
    subscriber.begun_ns = now;
    return subscribers_.Start([this, n, &subscriber] {
      SubscriberPool pool(subscriber, board_->commands(), board_->subscribers()[n],
                          board_->receipts(n));
      pool.Run();
    });
  }

  // Adds subscribers until there are `count`.
  Result<> ConnectTo(uint64_t count) {
    const uint64_t from = MonotonicNs();
    const uint64_t cpu = server_ ? server_->Cpu().running : 0;
    board_->commands().subscribers.Set(count);
    auto connected = WaitUntil(plan_.options.connect_timeout_ms * kMillisecond, [&] {
      const uint64_t open = Sum(&SubscriberBoard::open);
      progress_.Show("connecting", static_cast<double>(open), static_cast<double>(count),
                     fmt::format("{} of {}", open, count));
      return open >= count;
    });
    if (!connected) {
      return Fail(connected.error().code,
                  fmt::format("{} of {} subscribers connected: {}", Sum(&SubscriberBoard::open),
                              count, connected.error().message));
    }
    report_.connect.connected = count;
    report_.connect.wall_ns += MonotonicNs() - from;
    if (server_) report_.connect.server_cpu_ns += server_->Cpu().running - cpu;
    return {};
  }

  Result<> MeasureMemory() {
    constexpr uint64_t kSteps = 4;
    constexpr int kWaits = 3;
    MemoryResult memory;
    const uint64_t all = plan_.options.subscribers;
    for (uint64_t step = 0; step <= kSteps; ++step) {
      // A first subscriber in each process: what the first request pages in belongs to no slope.
      const uint64_t count = std::max(all * step / kSteps, std::min(all, plan_.options.processes));
      if (auto connected = ConnectTo(count); !connected) return connected;
      if (auto settled = Pause("settling"); !settled) return settled;
      memory.points.push_back({count, server_->Memory()});
    }
    for (int wait = 0; wait < kWaits; ++wait) {
      if (auto waited = Pause("idle"); !waited) return waited;
      memory.waiting.push_back({all, server_->Memory()});
    }
    report_.memory = std::move(memory);
    return {};
  }

  Result<> MeasureEvents() {
    const BenchOptions& options = plan_.options;
    if (auto connected = ConnectTo(options.subscribers); !connected) return connected;
    if (auto settled = Pause("settling"); !settled) return settled;
    std::optional<InstructionCounters> counters;
    if (server_) {
      report_.server.emplace();
      auto opened = InstructionCounters::Open(options.pids);
      if (opened) counters.emplace(std::move(*opened));
      if (!opened) report_.server->why_not_counted = opened.error().message;
    }
    auto clients = ProcessMeterPerChild();
    if (!clients) return tl::unexpected(clients.error());

    Announce();
    if (auto warm = Watch("warm-up", window_from_ - options.warmup_ms * kMillisecond, window_from_);
        !warm) {
      return warm;
    }
    std::vector<CpuUse> clients_before;
    for (ProcessMeter& meter : *clients) clients_before.push_back(meter.Cpu());
    const uint64_t cpu_before = server_ ? server_->Cpu().running : 0;
    if (counters) counters->Start();
    if (auto watched = Watch("publishing", window_from_, window_to_); !watched) return watched;
    if (auto drained = Drain(); !drained) return drained;
    if (counters) counters->Stop();
    report_.wall_ns = MonotonicNs() - window_from_;
    if (server_) {
      report_.server->cpu_ns = server_->Cpu().running - cpu_before;
      report_.server->memory = server_->Memory();
      report_.server->pss_max = std::max(report_.server->pss_max, report_.server->memory.pss);
    }
    if (counters) CountInstructions(*counters);
    for (size_t n = 0; n < clients->size(); ++n) {
      const CpuUse after = (*clients)[n].Cpu();
      const auto share = [&](uint64_t ns) {
        return static_cast<double>(ns) / static_cast<double>(report_.wall_ns);
      };
      const uint64_t running = after.running - clients_before[n].running;
      const uint64_t waiting = after.waiting - clients_before[n].waiting;
      report_.clients.push_back({share(running), share(running + waiting)});
    }
    return {};
  }

  // Tells everyone when the run is; the times are a little ahead, so that all know before it
  // begins.
  void Announce() {
    const BenchOptions& options = plan_.options;
    Commands& commands = board_->commands();
    const uint64_t from = MonotonicNs() + 200 * kMillisecond;
    window_from_ = from + options.warmup_ms * kMillisecond;
    window_to_ = window_from_ + options.duration_ms * kMillisecond;
    commands.window_from_ns.Set(window_from_);
    commands.window_to_ns.Set(window_to_);
    commands.last_sequence.Set(plan_.schedule.events);
    if (options.reconnect_at_ms > 0) {
      commands.reconnect_at_ns.Set(window_from_ + options.reconnect_at_ms * kMillisecond);
    }
    commands.publish_from_ns.Set(from);
  }

  // Waits until `to`.
  Result<> Watch(std::string_view phase, uint64_t from, uint64_t to) {
    // A look at the memory costs the kernel work, so it is rare where it is not the subject.
    const uint64_t interval = (plan_.options.stopped_share > 0 ? 500 : 5'000) * kMillisecond;
    uint64_t next_look = from + interval;
    uint64_t events = Sum(&SubscriberBoard::events);
    const uint64_t first = events;
    while (MonotonicNs() < to) {
      SleepUntil(std::min(to, MonotonicNs() + kTickNs));
      if (auto ok = Check(); !ok) return ok;
      const uint64_t now = MonotonicNs();
      events = Sum(&SubscriberBoard::events);
      const double passed = static_cast<double>(now - std::min(from, now)) / 1e9;
      progress_.Show(phase, passed, static_cast<double>(to - from) / 1e9,
                     fmt::format("{:.0f} deliveries/s",
                                 passed > 0 ? static_cast<double>(events - first) / passed : 0));
      report_.tcp_pages_max = std::max(report_.tcp_pages_max, TcpMemoryPages());
      if (now >= next_look && server_) {
        next_look += interval;
        report_.server->pss_max = std::max(report_.server->pss_max, server_->Memory().pss);
      }
    }
    return {};
  }

  // Until everyone who reads has the last event; not having it in time is a loss, not an error.
  Result<> Drain() {
    const uint64_t until = MonotonicNs() + plan_.options.drain_ms * kMillisecond;
    while (plan_.publishes() && MonotonicNs() < until) {
      const uint64_t readers = plan_.options.subscribers - Sum(&SubscriberBoard::stopped);
      if (Sum(&SubscriberBoard::complete) + Sum(&SubscriberBoard::closed) >= readers) return {};
      SleepUntil(MonotonicNs() + kMillisecond);
      if (auto ok = Check(); !ok) return ok;
      progress_.Show("draining", static_cast<double>(Sum(&SubscriberBoard::complete)),
                     static_cast<double>(readers), "");
    }
    return {};
  }

  void CountInstructions(const InstructionCounters& counters) {
    const auto read = counters.Read();
    if (read) {
      report_.server->instructions = *read;
    } else {
      report_.server->why_not_counted = read.error().message;
    }
  }

  Result<> Pause(std::string_view phase) {
    const uint64_t from = MonotonicNs();
    const uint64_t length = plan_.options.settle_ms * kMillisecond;
    while (MonotonicNs() < from + length) {
      SleepUntil(MonotonicNs() + kTickNs);
      if (auto ok = Check(); !ok) return ok;
      progress_.Show(phase, static_cast<double>(MonotonicNs() - from), static_cast<double>(length),
                     "");
    }
    return {};
  }

  Result<std::vector<ProcessMeter>> ProcessMeterPerChild() {
    std::vector<ProcessMeter> meters;
    std::vector<pid_t> pids = subscribers_.pids();
    pids.insert(pids.end(), publisher_.pids().begin(), publisher_.pids().end());
    for (const pid_t pid : pids) {
      auto meter = ProcessMeter::Open({pid});
      if (!meter) return tl::unexpected(meter.error());
      meters.push_back(std::move(*meter));
    }
    return meters;
  }

  Result<> Check() {
    const std::string_view error = board_->publisher().error.text();
    if (!error.empty()) return Fail(Errc::kUnavailable, std::string(error));
    if (board_->commands().stop.Get() == 0 && !subscribers_.AllAlive()) {
      return Fail(Errc::kClosed, "a client process died");
    }
    return {};
  }

  Result<> WaitUntil(uint64_t timeout_ns, const std::function<bool()>& done) {
    const uint64_t until = MonotonicNs() + timeout_ns;
    while (!done()) {
      if (auto ok = Check(); !ok) return ok;
      if (MonotonicNs() >= until) {
        for (const SubscriberBoard& board : board_->subscribers()) {
          if (!board.error.text().empty()) {
            return Fail(Errc::kTimeout, std::string(board.error.text()));
          }
        }
        return Fail(Errc::kTimeout, "timed out");
      }
      SleepUntil(MonotonicNs() + kMillisecond);
    }
    return {};
  }

  bool AllFinished() {
    return std::ranges::all_of(board_->subscribers(), [](const SubscriberBoard& board) {
      return board.finished.Get() != 0;
    });
  }

  uint64_t Sum(Number SubscriberBoard::*number) {
    uint64_t sum = 0;
    for (const SubscriberBoard& board : board_->subscribers()) sum += (board.*number).Get();
    return sum;
  }

  void Collect() {
    report_.connect.attempts_failed = Sum(&SubscriberBoard::attempts_failed);
    report_.events = plan_.publishes() ? plan_.measured_events() : 0;
    report_.stopped = Sum(&SubscriberBoard::stopped);
    report_.stopped_closed = Sum(&SubscriberBoard::stopped_closed);
    report_.expected = report_.events * (plan_.options.subscribers - report_.stopped);
    report_.delivered = Sum(&SubscriberBoard::measured);
    report_.delivered_all = Sum(&SubscriberBoard::events);
    report_.bytes = Sum(&SubscriberBoard::bytes);
    report_.lost = Sum(&SubscriberBoard::lost);
    report_.duplicates = Sum(&SubscriberBoard::duplicates);
    report_.reordered = Sum(&SubscriberBoard::reordered);
    report_.malformed = Sum(&SubscriberBoard::malformed);
    report_.gaps = Sum(&SubscriberBoard::gaps);
    report_.closed = Sum(&SubscriberBoard::closed);
    for (const SubscriberBoard& board : board_->subscribers()) {
      report_.latency.Merge(board.latency);
      if (!board.error.text().empty()) report_.errors.emplace_back(board.error.text());
    }
    report_.lateness = board_->publisher().lateness;
    report_.publish_unacknowledged =
        board_->publisher().sent.Get() - board_->publisher().acknowledged.Get();
    CollectReconnect();
    CollectLastSubscriber();
  }

  void CollectReconnect() {
    const uint64_t at = board_->commands().reconnect_at_ns.Get();
    if (at == 0) return;
    uint64_t back = at;
    for (const SubscriberBoard& board : board_->subscribers()) {
      const uint64_t mine = board.back_at_ns.Get();
      back = mine == 0 || back == 0 ? 0 : std::max(back, mine);
    }
    report_.reconnect_ns = back == 0 ? 0 : back - at;
  }

  void CollectLastSubscriber() {
    const uint64_t from = board_->commands().publish_from_ns.Get();
    for (uint64_t sequence = plan_.first_measured; sequence <= plan_.last_measured; ++sequence) {
      uint64_t last = 0;
      for (size_t n = 0; n < board_->subscribers().size(); ++n) {
        last = std::max(last, board_->receipts(n)[sequence - 1].Get());
      }
      const uint64_t intended = from + plan_.schedule.OffsetNs(sequence);
      if (last > intended) report_.last_subscriber.Record(last - intended);
    }
  }

  const BenchPlan& plan_;
  BenchReport report_;
  std::unique_ptr<Board> board_;
  std::optional<ProcessMeter> server_;
  Progress progress_;
  uint64_t window_from_ = 0;
  uint64_t window_to_ = 0;
  // Last: they go first, while what they use is still there.
  Children subscribers_;
  Children publisher_;
};

}  // namespace

Result<BenchReport> RunBench(const BenchPlan& plan) {
  const auto run = std::make_unique<Run>(plan);
  return run->Execute();
}

}  // namespace sluice::cli::bench
