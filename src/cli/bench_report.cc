#include "cli/bench_report.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace sluice::cli::bench {
namespace {

using Json = nlohmann::ordered_json;

double Ratio(double part, double whole) {
  return whole == 0 ? 0 : part / whole;
}
double Seconds(uint64_t ns) {
  return static_cast<double>(ns) / 1e9;
}
double Milliseconds(uint64_t ns) {
  return static_cast<double>(ns) / 1e6;
}

double PerDelivery(const BenchReport& report, uint64_t amount) {
  return Ratio(static_cast<double>(amount), static_cast<double>(report.delivered));
}

template <class Value>
double Slope(const std::vector<MemoryPoint>& points, Value value) {
  double sum_x = 0;
  double sum_y = 0;
  double sum_xx = 0;
  double sum_xy = 0;
  for (const MemoryPoint& point : points) {
    const auto x = static_cast<double>(point.subscribers);
    const auto y = static_cast<double>(value(point.use));
    sum_x += x;
    sum_y += y;
    sum_xx += x * x;
    sum_xy += x * y;
  }
  const auto count = static_cast<double>(points.size());
  return Ratio(count * sum_xy - sum_x * sum_y, count * sum_xx - sum_x * sum_x);
}

Json Quantiles(const Histogram& histogram) {
  return {{"p50", Milliseconds(histogram.Percentile(50))},
          {"p90", Milliseconds(histogram.Percentile(90))},
          {"p99", Milliseconds(histogram.Percentile(99))},
          {"p999", Milliseconds(histogram.Percentile(99.9))},
          {"max", Milliseconds(histogram.max())},
          {"mean", histogram.Mean() / 1e6}};
}

Json Points(const std::vector<MemoryPoint>& points) {
  Json list = Json::array();
  for (const MemoryPoint& point : points) {
    list.push_back({{"subscribers", point.subscribers},
                    {"pss", point.use.pss},
                    {"anonymous", point.use.anonymous}});
  }
  return list;
}

Json ServerJson(const BenchReport& report, const ServerUse& server) {
  Json json = {{"cpu_seconds", Seconds(server.cpu_ns)},
               {"cpu_us_per_delivery", PerDelivery(report, server.cpu_ns) / 1000},
               {"pss_bytes", server.memory.pss},
               {"pss_bytes_max", server.pss_max}};
  if (server.instructions) {
    json["instructions_user_per_delivery"] = PerDelivery(report, server.instructions->user);
    json["instructions_kernel_per_delivery"] = PerDelivery(report, server.instructions->kernel);
  } else {
    json["instructions_not_counted"] = server.why_not_counted;
  }
  return json;
}

double ConnectsPerCpuSecond(const ConnectResult& connect) {
  return Ratio(static_cast<double>(connect.connected), Seconds(connect.server_cpu_ns));
}

std::string QuantileLine(const char* name, const Histogram& histogram) {
  return fmt::format("{:<18}p50 {:.2f}  p90 {:.2f}  p99 {:.2f}  p99.9 {:.2f}  max {:.2f} ms\n",
                     name, Milliseconds(histogram.Percentile(50)),
                     Milliseconds(histogram.Percentile(90)), Milliseconds(histogram.Percentile(99)),
                     Milliseconds(histogram.Percentile(99.9)), Milliseconds(histogram.max()));
}

void AppendMemory(const MemoryResult& memory, std::string& text) {
  auto out = std::back_inserter(text);
  for (const MemoryPoint& point : memory.points) {
    fmt::format_to(out, "memory            {:>8} subscribers: {:.1f} MiB PSS\n", point.subscribers,
                   static_cast<double>(point.use.pss) / (1 << 20));
  }
  fmt::format_to(out,
                 "                  {:.0f} bytes a subscriber (anonymous {:.0f}); grew by {} bytes "
                 "while idle\n",
                 memory.PssSlope(), memory.AnonymousSlope(), memory.Growth());
}

void AppendServer(const BenchReport& report, std::string& text) {
  auto out = std::back_inserter(text);
  const ServerUse& server = *report.server;
  fmt::format_to(out, "server CPU        {:.3f} s, {:.2f} us a delivery\n", Seconds(server.cpu_ns),
                 PerDelivery(report, server.cpu_ns) / 1000);
  if (server.instructions) {
    fmt::format_to(out, "instructions      {:.0f} user + {:.0f} kernel a delivery\n",
                   PerDelivery(report, server.instructions->user),
                   PerDelivery(report, server.instructions->kernel));
  } else {
    fmt::format_to(out, "instructions      not counted: {}\n", server.why_not_counted);
  }
  fmt::format_to(out, "server memory     {:.1f} MiB PSS, at most {:.1f}\n",
                 static_cast<double>(server.memory.pss) / (1 << 20),
                 static_cast<double>(server.pss_max) / (1 << 20));
}

void AppendEvents(const BenchReport& report, std::string& text) {
  auto out = std::back_inserter(text);
  const double rate = Ratio(static_cast<double>(report.delivered), Seconds(report.wall_ns));
  const std::string expected =
      report.events > 0 ? fmt::format(" of {} ({} events)", report.expected, report.events) : "";
  fmt::format_to(out, "delivered         {}{}, {:.0f}/s\n", report.delivered, expected, rate);
  fmt::format_to(out,
                 "faults            {} lost, {} duplicate, {} reordered, {} malformed, {} gaps, "
                 "{} streams ended\n",
                 report.lost, report.duplicates, report.reordered, report.malformed, report.gaps,
                 report.closed);
  text += QuantileLine("latency", report.latency);
  if (report.last_subscriber.count() > 0) {
    text += QuantileLine("last subscriber", report.last_subscriber);
  }
  if (report.lateness.count() > 0) text += QuantileLine("publisher late", report.lateness);
  if (report.stopped > 0) {
    fmt::format_to(out, "stopped reading   {}, of which the server ended {}\n", report.stopped,
                   report.stopped_closed);
  }
  if (report.reconnect_ns) {
    fmt::format_to(out, "reconnect         {}\n",
                   *report.reconnect_ns == 0 ? "not all came back"
                                             : fmt::format("all back after {:.0f} ms",
                                                           Milliseconds(*report.reconnect_ns)));
  }
}

}  // namespace

double MemoryResult::PssSlope() const {
  return Slope(points, [](const MemoryUse& use) { return use.pss; });
}

double MemoryResult::AnonymousSlope() const {
  return Slope(points, [](const MemoryUse& use) { return use.anonymous; });
}

int64_t MemoryResult::Growth() const {
  if (waiting.empty()) return 0;
  return static_cast<int64_t>(waiting.back().use.anonymous) -
         static_cast<int64_t>(waiting.front().use.anonymous);
}

bool BenchReport::client_limited() const {
  constexpr double kBusy = 0.9;
  return std::any_of(clients.begin(), clients.end(),
                     [](const ClientUse& use) { return use.runnable_share > kBusy; });
}

std::string ToJson(const BenchReport& report) {
  const BenchOptions& options = report.options;
  Json json = {{"url", options.url},
               {"subscribers", options.subscribers},
               {"processes", options.processes},
               {"publish", options.publish},
               {"rate", options.rate},
               {"size", options.payload_bytes},
               {"warmup_ms", options.warmup_ms},
               {"duration_ms", options.duration_ms}};
  json["connect"] = {{"connected", report.connect.connected},
                     {"attempts_failed", report.connect.attempts_failed},
                     {"seconds", Seconds(report.connect.wall_ns)},
                     {"server_cpu_seconds", Seconds(report.connect.server_cpu_ns)},
                     {"connections_per_cpu_second", ConnectsPerCpuSecond(report.connect)}};
  json["events"] = report.events;
  json["deliveries"] = report.delivered;
  json["deliveries_expected"] = report.expected;
  json["deliveries_per_second"] =
      Ratio(static_cast<double>(report.delivered), Seconds(report.wall_ns));
  json["bytes"] = report.bytes;
  json["lost"] = report.lost;
  json["duplicates"] = report.duplicates;
  json["reordered"] = report.reordered;
  json["malformed"] = report.malformed;
  json["gaps"] = report.gaps;
  json["streams_ended"] = report.closed;
  json["latency_ms"] = Quantiles(report.latency);
  json["last_subscriber_ms"] = Quantiles(report.last_subscriber);
  json["publisher_late_ms"] = Quantiles(report.lateness);
  json["publish_unacknowledged"] = report.publish_unacknowledged;
  if (report.stopped > 0) {
    json["stopped"] = {{"subscribers", report.stopped}, {"ended", report.stopped_closed}};
  }
  if (report.reconnect_ns) {
    json["reconnect"] = {{"all_back", *report.reconnect_ns != 0},
                         {"ms", Milliseconds(*report.reconnect_ns)}};
  }
  if (report.server) json["server"] = ServerJson(report, *report.server);
  json["tcp_memory_pages_max"] = report.tcp_pages_max;
  json["clients"] = Json::array();
  for (const ClientUse& use : report.clients) {
    json["clients"].push_back(
        {{"cpu_share", use.cpu_share}, {"runnable_share", use.runnable_share}});
  }
  json["client_limited"] = report.client_limited();
  if (report.memory) {
    json["memory"] = {{"points", Points(report.memory->points)},
                      {"waiting", Points(report.memory->waiting)},
                      {"pss_bytes_per_subscriber", report.memory->PssSlope()},
                      {"anonymous_bytes_per_subscriber", report.memory->AnonymousSlope()},
                      {"growth_bytes", report.memory->Growth()}};
  }
  json["errors"] = report.errors;
  return json.dump(2) + "\n";
}

std::string ToText(const BenchReport& report) {
  std::string text;
  auto out = std::back_inserter(text);
  const ConnectResult& connect = report.connect;
  fmt::format_to(out, "connected         {} in {:.2f} s, {} attempts failed\n", connect.connected,
                 Seconds(connect.wall_ns), connect.attempts_failed);
  if (connect.server_cpu_ns > 0) {
    fmt::format_to(out, "                  {:.0f} connections a CPU second\n",
                   ConnectsPerCpuSecond(connect));
  }
  if (report.memory) {
    AppendMemory(*report.memory, text);
  } else {
    AppendEvents(report, text);
    if (report.server) AppendServer(report, text);
  }
  for (size_t n = 0; n < report.clients.size(); ++n) {
    const bool publisher = report.options.publish != "none" && n + 1 == report.clients.size();
    fmt::format_to(out, "{:<18}{:.0f} % of a core, runnable {:.0f} %\n",
                   publisher ? "publisher" : fmt::format("client {}", n + 1),
                   report.clients[n].cpu_share * 100, report.clients[n].runnable_share * 100);
  }
  if (report.client_limited()) {
    text +=
        "VOID against the server: a client process was busy all the time, so latencies are upper "
        "bounds.\nUse more cores or processes, or a lower rate.\n";
  }
  for (const std::string& error : report.errors)
    fmt::format_to(out, "error             {}\n", error);
  return text;
}

}  // namespace sluice::cli::bench
