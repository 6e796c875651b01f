#include "cli/bench_options.h"

#include <algorithm>
#include <charconv>

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/bench_payload.h"
#include "cli/duration.h"

namespace sluice::cli::bench {
namespace {

constexpr size_t kSpareDescriptors = 64;
constexpr uint64_t kMaxEvents = 20'000'000;

// "5%" or "0.05".
CLI::Validator Share() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        const bool percent = text.ends_with('%');
        if (percent) text.pop_back();
        double value = 0;
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
        if (percent) value /= 100;
        if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || value < 0 ||
            value >= 1) {
          return "expected a share below all, such as 5% or 0.05";
        }
        text = fmt::format("{}", value);
        return {};
      },
      "SHARE");
}

// Each process may open as many files as the hard limit allows; raises the soft one to it.
size_t DescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

Result<> Spread(BenchOptions& options, const SocketAddress& address) {
  constexpr size_t kPerAddress = 20'000;
  const size_t room = DescriptorLimit() - kSpareDescriptors;
  if (options.processes == 0) {
    options.processes = std::max<size_t>(2, (options.subscribers + room - 1) / room);
  }
  if ((options.subscribers + options.processes - 1) / options.processes > room) {
    return Fail(Errc::kLimit,
                fmt::format("{} subscribers in {} processes: the limit is {} open files a "
                            "process; raise --processes or `ulimit -Hn`",
                            options.subscribers, options.processes, room));
  }
  if (!address.is_loopback_ipv4()) {
    if (options.source_addresses > 0) {
      return Fail(Errc::kInvalid, "--source-addresses works towards 127.0.0.0/8 only");
    }
  } else if (options.source_addresses == 0) {
    options.source_addresses =
        static_cast<uint32_t>((options.subscribers + kPerAddress - 1) / kPerAddress);
  }
  return {};
}

}  // namespace

void DefineOptions(CLI::App& command, BenchOptions& options) {
  command.add_option("--url", options.url, "stream to subscribe to, http://HOST:PORT/PATH")
      ->required();
  command.add_option("--header", options.headers, "field to add to each request, \"Name: value\"");
  command.add_option("-n,--subscribers", options.subscribers, "connections")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  command.add_option("--processes", options.processes,
                     "client processes (default: 2, or what the limit of open files asks for)");
  command.add_option("--ramp", options.ramp_per_second, "connects a second, 0: no pause")
      ->capture_default_str();
  command.add_option("--source-addresses", options.source_addresses,
                     "connect from 127.0.0.1 to 127.0.0.N; one has ports for about 28,000");
  command
      .add_option("--connect-timeout", options.connect_timeout_ms,
                  "longest wait for all to be connected (default 60s)")
      ->transform(Duration());

  command
      .add_option(
          "--poll", options.poll_ms,
          "clients look for events this often instead of being woken by each, which costs a "
          "server on the same machine more than sending (default: off)")
      ->transform(Duration());

  command
      .add_option("--publish", options.publish,
                  "redis://[user:password@]HOST:PORT, unix:/PATH (Redis), http://… (POST), or "
                  "none: the server makes the events")
      ->capture_default_str();
  command.add_option("--channel", options.channel, "Redis channel");
  command.add_option("-r,--rate", options.rate, "events a second")
      ->check(CLI::Range(0.001, 10'000'000.0))
      ->capture_default_str();
  command.add_option("-s,--size", options.payload_bytes, "bytes of an event's data")
      ->check(CLI::Range(kMinPayloadBytes, size_t{16} << 20))
      ->capture_default_str();
  command
      .add_option("-w,--warmup", options.warmup_ms, "events before the measured ones (default 2s)")
      ->transform(Duration());
  command.add_option("-d,--duration", options.duration_ms, "measured window (default 10s)")
      ->transform(Duration());
  command
      .add_option("--drain", options.drain_ms,
                  "longest wait for the last events after the window (default 10s)")
      ->transform(Duration());

  command.add_option("--pid", options.pids,
                     "process whose CPU time, instructions and memory are measured (repeatable)");
  command.add_flag("--memory", options.memory,
                   "publish nothing; measure the processes' memory at 0 to N idle subscribers");
  command
      .add_option("--settle", options.settle_ms,
                  "pause after connecting, before anything is measured (default 2s)")
      ->transform(Duration());
  command
      .add_option("--stopped", options.stopped_share,
                  "share of the subscribers that stop reading, such as 5%")
      ->transform(Share());
  command
      .add_option("--reconnect-at", options.reconnect_at_ms,
                  "into the window: all drop and reconnect with their Last-Event-ID")
      ->transform(Duration());

  command.add_flag("--json", options.json, "print the result as JSON");
  command.add_flag("-q,--quiet", options.quiet, "no progress bar");
}

Result<BenchPlan> MakePlan(BenchOptions options) {
  BenchPlan plan;
  auto url = ParseHttpUrl(options.url);
  if (!url) return tl::unexpected(url.error());
  plan.url = std::move(*url);
  auto address = Resolve(plan.url.endpoint);
  if (!address) return tl::unexpected(address.error());
  plan.address = *address;
  auto target = ParsePublishTarget(options.publish, options.channel);
  if (!target) return tl::unexpected(target.error());
  plan.target = std::move(*target);
  if (auto spread = Spread(options, plan.address); !spread) return tl::unexpected(spread.error());
  if (options.memory && options.pids.empty()) {
    return Fail(Errc::kInvalid, "--memory needs the processes to measure: add --pid PID");
  }
  if (options.reconnect_at_ms >= options.duration_ms && options.reconnect_at_ms > 0) {
    return Fail(Errc::kInvalid, "--reconnect-at must be inside the window (--duration)");
  }

  Schedule& schedule = plan.schedule;
  schedule.rate = options.rate;
  schedule.payload_bytes = options.payload_bytes;
  if (plan.publishes() && !options.memory) {
    const double seconds = static_cast<double>(options.warmup_ms + options.duration_ms) / 1000;
    const double events = options.rate * seconds;
    if (events > static_cast<double>(kMaxEvents)) {
      return Fail(Errc::kLimit, fmt::format("at most {} events in a run", kMaxEvents));
    }
    schedule.events = std::max<uint64_t>(1, static_cast<uint64_t>(events));
    plan.first_measured = 1;
    while (plan.first_measured <= schedule.events &&
           schedule.OffsetNs(plan.first_measured) < options.warmup_ms * 1'000'000) {
      ++plan.first_measured;
    }
    plan.last_measured = schedule.events;
    if (plan.measured_events() == 0) {
      return Fail(Errc::kInvalid, "no event falls into the window: raise --rate or --duration");
    }
  } else {
    plan.first_measured = 1;
  }
  plan.options = std::move(options);
  return plan;
}

}  // namespace sluice::cli::bench
