// One log: lines go to a bounded queue and are written, whole, by a thread of their own to a file
// or a stream. Nothing that the destination does holds up who writes a line: what does not fit in
// the queue, and what the destination refuses, is dropped and counted.
//
// Write and losses: any thread. The rest: main thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/base/log.h"
#include "sluice/base/result.h"

namespace spdlog {
class async_logger;
}

namespace sluice {

class LogSink;
struct LogThread;

// What is still unwritten so long after GiveUp is dropped.
inline constexpr uint64_t kLogPatienceMs = 1'000;

struct LogFileOptions {
  std::string path;   // "stderr", "stdout" or a file
  bool stamp = true;  // the time stands before each line
  uint32_t queue_lines = 0;
  uint64_t queue_bytes = 0;
};

class LogFile {
 public:
  // Opens one log, or two if `second` has a path. Two that end in the same file, pipe or terminal
  // share a thread, so that neither cuts the other's lines.
  struct Pair {
    std::unique_ptr<LogFile> first;
    std::unique_ptr<LogFile> second;
  };
  [[nodiscard]] static Result<Pair> Open(const LogFileOptions& first, const LogFileOptions& second);

  // Writes what is queued.
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // `line` has no line end.
  void Write(std::string_view line);
  // Opens the path anew, after what is queued now. A stream stays as it is.
  void Reopen();
  // From now on a destination that takes nothing is waited for kLogPatienceMs at most.
  void GiveUp();
  [[nodiscard]] LogLosses losses() const;

 private:
  LogFile(std::shared_ptr<LogSink> sink, std::shared_ptr<LogThread> thread);

  std::shared_ptr<LogSink> sink_;
  std::shared_ptr<spdlog::async_logger> logger_;
  std::shared_ptr<LogThread> thread_;
};

}  // namespace sluice
