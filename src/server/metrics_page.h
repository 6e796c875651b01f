// Text in the Prometheus format (version 0.0.4), as it is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sluice/base/counter.h"

namespace sluice::server {

// A label's value, between its quotes.
[[nodiscard]] inline std::string EscapeLabel(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

class MetricsPage {
 public:
  void Begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(out(), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  template <class Value>
  void Add(std::string_view labels, Value value) {
    if (labels.empty()) {
      fmt::format_to(out(), "{} {}\n", name_, value);
    } else {
      fmt::format_to(out(), "{}{{{}}} {}\n", name_, labels, value);
    }
  }
  template <class Value>
  void One(std::string_view name, std::string_view type, std::string_view help, Value value) {
    Begin(name, type, help);
    Add("", value);
  }
  void Histogram(std::string_view name, std::string_view help,
                 const std::vector<const DurationHistogram*>& parts) {
    Begin(name, "histogram", help);
    AddHistogram("", parts);
  }
  // One series of the histogram that was begun.
  void AddHistogram(std::string_view labels, const std::vector<const DurationHistogram*>& parts) {
    const std::string_view comma = labels.empty() ? "" : ",";
    uint64_t total = 0;
    for (size_t i = 0; i <= DurationHistogram::kBounds.size(); ++i) {
      for (const DurationHistogram* part : parts) total += part->bucket(i);
      if (i < DurationHistogram::kBounds.size()) {
        fmt::format_to(out(), "{}_bucket{{{}{}le=\"{}\"}} {}\n", name_, labels, comma,
                       DurationHistogram::kBounds[i], total);
      } else {
        fmt::format_to(out(), "{}_bucket{{{}{}le=\"+Inf\"}} {}\n", name_, labels, comma, total);
      }
    }
    uint64_t sum_ns = 0;
    for (const DurationHistogram* part : parts) sum_ns += part->sum_ns();
    const std::string braced = labels.empty() ? "" : fmt::format("{{{}}}", labels);
    fmt::format_to(out(), "{0}_sum{1} {2:.9f}\n{0}_count{1} {3}\n", name_, braced,
                   static_cast<double>(sum_ns) / 1e9, total);
  }
  [[nodiscard]] std::string Take() { return std::move(text_); }

 private:
  std::back_insert_iterator<std::string> out() { return std::back_inserter(text_); }
  std::string text_;
  std::string_view name_;
};

}  // namespace sluice::server
