// The process's log. Lines go to a bounded queue and are written by a thread of their own, so a
// slow or full disk never blocks a loop: when the queue is full the oldest line is dropped and
// counted. Any thread may call everything here except StartLog, StopLog and ReopenLog (main
// thread).
//
// A line is `2026-11-22T10:31:55.123Z info  message`. Control bytes in a message are escaped, so
// what a client sends cannot forge a line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "sluice/base/result.h"

namespace sluice {

enum class LogLevel { kDebug, kInfo, kWarn, kError, kOff };

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  std::string path = "stderr";  // "stderr", "stdout" or a file
  uint32_t queue_lines = 8192;
};

// Before StartLog and after StopLog, lines go to stderr at once.
[[nodiscard]] Result<> StartLog(const LogOptions& options);
void StopLog();    // writes what is queued
void ReopenLog();  // after logrotate moved the file away

// StartLog sets it too.
void SetLogLevel(LogLevel level);
[[nodiscard]] bool LogEnabled(LogLevel level);
void LogLine(LogLevel level, std::string_view line);

// Lines lost because the queue was full, and lines that the disk refused.
struct LogLosses {
  uint64_t overflowed = 0;
  uint64_t unwritten = 0;
};
[[nodiscard]] LogLosses GetLogLosses();

template <class... Args>
void Log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled(level)) LogLine(level, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void LogDebug(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kDebug, format, std::forward<Args>(args)...);
}
template <class... Args>
void LogInfo(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kInfo, format, std::forward<Args>(args)...);
}
template <class... Args>
void LogWarn(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kWarn, format, std::forward<Args>(args)...);
}
template <class... Args>
void LogError(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kError, format, std::forward<Args>(args)...);
}

}  // namespace sluice
