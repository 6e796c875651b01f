// The process's two logs: what happens (the error log) and, if wanted, a line for each request (the
// access log). Lines go to a bounded queue of each log and are written by a thread of its own, so a
// slow or full disk never blocks a loop: while the queue is full new lines are dropped and counted.
// Any thread may call everything here except StartLog, StopLog and ReopenLog (main thread).
//
// A line of the error log is `2026-11-22T10:31:55.123Z info  message`. Control bytes in a message
// are escaped, so what a client sends cannot forge a line.
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
  std::string path = "stderr";   // "stderr", "stdout" or a file
  std::string access_path = {};  // likewise; empty: no access log
  // Of each log.
  uint32_t queue_lines = 8192;
  uint64_t queue_bytes = uint64_t{8} * 1024 * 1024;
};

// Before StartLog and after StopLog, lines go to stderr at once.
[[nodiscard]] Result<> StartLog(const LogOptions& options);
void StopLog();    // writes what is queued, unless a destination takes nothing for a second
void ReopenLog();  // both, after logrotate moved the files away

// StartLog sets it too.
void SetLogLevel(LogLevel level);
[[nodiscard]] bool LogEnabled(LogLevel level);
void LogLine(LogLevel level, std::string_view line);

// A line of the access log, without its end. It is written as it is: REQUIRES: no control bytes.
// Without an access log it does nothing.
void LogAccess(std::string_view line);

// Lines lost because the queue was full, and lines that the disk refused.
struct LogLosses {
  uint64_t overflowed = 0;
  uint64_t unwritten = 0;
};
enum class LogKind { kError, kAccess };
[[nodiscard]] LogLosses GetLogLosses(LogKind kind);

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
