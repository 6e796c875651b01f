#include "sluice/base/log.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>

#include <fcntl.h>
#include <unistd.h>

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

namespace sluice {
namespace {

// Writes whole lines to a descriptor. What the disk refuses is counted and left behind: a log must
// never stop the gateway.
class FdSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  FdSink(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  FdSink(const FdSink&) = delete;
  FdSink& operator=(const FdSink&) = delete;
  ~FdSink() override {
    if (owns_fd()) close(fd_);
  }

  void RequestReopen() { reopen_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t unwritten() const { return unwritten_.load(std::memory_order_relaxed); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (reopen_.exchange(false, std::memory_order_relaxed)) Reopen();
    const char* data = line.data();
    size_t size = line.size();
    while (size > 0) {
      const ssize_t n = write(fd_, data, size);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        unwritten_.fetch_add(1, std::memory_order_relaxed);
        return;
      }
      data += n;
      size -= static_cast<size_t>(n);
    }
  }
  void flush_() override {}

 private:
  [[nodiscard]] bool owns_fd() const { return fd_ > STDERR_FILENO; }
  void Reopen() {
    if (!owns_fd()) return;
    const int fd = open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) return;  // the old file is better than none
    close(fd_);
    fd_ = fd;
  }

  std::string path_;
  int fd_;
  std::atomic<bool> reopen_{false};
  std::atomic<uint64_t> unwritten_{0};
};

struct LogState {
  std::shared_ptr<FdSink> sink;
  std::shared_ptr<spdlog::async_logger> logger;
  std::shared_ptr<spdlog::details::thread_pool> pool;  // last: its thread ends before the others go
};

// The level is apart from the rest, so that a disabled line costs one load.
std::atomic<int> g_level{static_cast<int>(LogLevel::kInfo)};
std::atomic<LogState*> g_state{nullptr};

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warn", "error"};

// Control characters: C0, DEL, and C1 in UTF-8 (C2 80 to C2 9F), among which is another line end.
bool IsControl(std::string_view line, size_t at) {
  const auto c = static_cast<unsigned char>(line[at]);
  if (c < 0x20 || c == 0x7f) return true;
  return c == 0xc2 && at + 1 < line.size() &&
         (static_cast<unsigned char>(line[at + 1]) & 0xe0) == 0x80;
}

// `\xNN` for their bytes, as nginx writes them.
std::string EscapeControls(std::string_view line) {
  std::string out;
  out.reserve(line.size() + 16);
  for (size_t i = 0; i < line.size(); ++i) {
    if (!IsControl(line, i)) {
      out += line[i];
      continue;
    }
    const auto c = static_cast<unsigned char>(line[i]);
    out += fmt::format("\\x{:02X}", c);
    if (c == 0xc2) out += fmt::format("\\x{:02X}", static_cast<unsigned char>(line[++i]));
  }
  return out;
}

Result<int> OpenLog(const std::string& path) {
  if (path == "stderr") return STDERR_FILENO;
  if (path == "stdout") return STDOUT_FILENO;
  const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return FailSystem("cannot open the log " + path, errno);
  return fd;
}

}  // namespace

Result<> StartLog(const LogOptions& options) {
  StopLog();
  const Result<int> fd = OpenLog(options.path);
  if (!fd) return tl::unexpected(fd.error());
  auto state = std::make_unique<LogState>();
  state->pool = std::make_shared<spdlog::details::thread_pool>(options.queue_lines, 1);
  state->sink = std::make_shared<FdSink>(options.path, *fd);
  state->sink->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      "%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc));
  state->logger = std::make_shared<spdlog::async_logger>(
      "sluice", state->sink, state->pool, spdlog::async_overflow_policy::overrun_oldest);
  SetLogLevel(options.level);
  g_state.store(state.release(), std::memory_order_release);
  return {};
}

void StopLog() {
  // The pool's destructor joins its thread after everything that is queued was written.
  const std::unique_ptr<LogState> state(g_state.exchange(nullptr));
}

void ReopenLog() {
  if (LogState* state = g_state.load(std::memory_order_acquire)) {
    state->sink->RequestReopen();
    LogInfo("log reopened");
  }
}

void SetLogLevel(LogLevel level) {
  g_level.store(static_cast<int>(level), std::memory_order_relaxed);
}

bool LogEnabled(LogLevel level) {
  return static_cast<int>(level) >= g_level.load(std::memory_order_relaxed);
}

void LogLine(LogLevel level, std::string_view line) {
  std::string escaped;
  for (size_t i = 0; i < line.size(); ++i) {
    if (IsControl(line, i)) {
      escaped = EscapeControls(line);
      line = escaped;
      break;
    }
  }
  LogState* state = g_state.load(std::memory_order_acquire);
  if (state != nullptr) {
    state->logger->log(spdlog::level::info, "{:<5} {}", kLevelNames[static_cast<size_t>(level)],
                       line);
    return;
  }
  const std::string plain = fmt::format("{}\n", line);
  if (write(STDERR_FILENO, plain.data(), plain.size()) < 0) return;
}

LogLosses GetLogLosses() {
  LogLosses losses;
  if (LogState* state = g_state.load(std::memory_order_acquire)) {
    losses.overflowed = state->pool->overrun_counter();
    losses.unwritten = state->sink->unwritten();
  }
  return losses;
}

}  // namespace sluice
