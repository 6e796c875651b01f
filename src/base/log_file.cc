#include "base/log_file.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include "sluice/base/clock.h"

namespace sluice {
namespace {

constexpr const char* kStampPattern = "%Y-%m-%dT%H:%M:%S.%eZ %v";
// How often a wait for the destination looks whether it is still wanted.
constexpr uint64_t kPollMs = 100;

// Not blocking: a FIFO that nobody reads must neither stop the start nor the writer.
Result<int> OpenPath(const std::string& path) {
  if (path == "stderr") return STDERR_FILENO;
  if (path == "stdout") return STDOUT_FILENO;
  const int fd =
      open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
  if (fd >= 0) return fd;
  const int error = errno;
  return FailSystem("cannot open the log " + path + (error == ENXIO ? " (has it a reader?)" : ""),
                    error);
}

bool IsSameDestination(int a, int b) {
  struct stat first {};
  struct stat second {};
  return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

}  // namespace

// The log thread's part: writes lines to the descriptor.
class LogSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  LogSink(const LogFileOptions& options, int fd)
      : path_(options.path),
        queue_lines_(options.queue_lines),
        queue_bytes_(options.queue_bytes),
        fd_(fd) {
    set_formatter(std::make_unique<spdlog::pattern_formatter>(options.stamp ? kStampPattern : "%v",
                                                              spdlog::pattern_time_type::utc));
    LookAtDescriptor();
  }
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;
  ~LogSink() override {
    if (owns_fd()) close(fd_);
  }

  [[nodiscard]] int fd() const { return fd_; }

  // Any thread. False: there is no room, and the line is counted as lost.
  [[nodiscard]] bool Admit(size_t bytes) {
    const uint64_t lines = lines_.fetch_add(1, std::memory_order_relaxed);
    const uint64_t queued = bytes_.fetch_add(bytes, std::memory_order_relaxed);
    if (lines < queue_lines_ && queued + bytes <= queue_bytes_) return true;
    Release(bytes);
    overflowed_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  // Any thread. True: it was not asked for yet, and flush_ has to be called.
  [[nodiscard]] bool RequestReopen() { return !reopen_.exchange(true, std::memory_order_relaxed); }
  // Any thread.
  void GiveUp() { deadline_ms_.store(NowMs() + kLogPatienceMs, std::memory_order_relaxed); }
  [[nodiscard]] LogLosses losses() const {
    return {.overflowed = overflowed_.load(std::memory_order_relaxed),
            .unwritten = unwritten_.load(std::memory_order_relaxed)};
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    if (torn_) line.push_back('\n');
    formatter_->format(message, line);
    if (!WriteWhole({line.data(), line.size()})) {
      unwritten_.fetch_add(1, std::memory_order_relaxed);
    }
    Release(message.payload.size());
  }
  void flush_() override {
    if (reopen_.exchange(false, std::memory_order_relaxed)) Reopen();
  }

 private:
  static uint64_t NowMs() { return MonotonicNs() / 1'000'000; }
  [[nodiscard]] bool owns_fd() const { return fd_ > STDERR_FILENO; }

  void Release(size_t bytes) {
    lines_.fetch_sub(1, std::memory_order_relaxed);
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  }

  void LookAtDescriptor() {
    struct stat info {};
    is_file_ = fstat(fd_, &info) == 0 && S_ISREG(info.st_mode);
  }

  [[nodiscard]] bool WriteWhole(std::string_view line) {
    // A pipe that poll() calls writable takes PIPE_BUF bytes; a file takes all at once, so that
    // other writers to it cannot come between.
    const size_t piece = is_file_ ? line.size() : size_t{PIPE_BUF};
    bool begun = false;
    while (!line.empty()) {
      if (!is_file_ && !AwaitWritable()) break;
      const ssize_t n = write(fd_, line.data(), std::min(line.size(), piece));
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (n <= 0) break;
      begun = true;
      line.remove_prefix(static_cast<size_t>(n));
    }
    // The rest of a line that was cut must not be glued to the next one.
    if (begun) torn_ = !line.empty();
    return line.empty();
  }

  // False: it takes nothing, and the line is to be given up.
  [[nodiscard]] bool AwaitWritable() {
    while (true) {
      const bool wanted_elsewhere = reopen_.load(std::memory_order_relaxed);
      const uint64_t deadline_ms = deadline_ms_.load(std::memory_order_relaxed);
      const uint64_t now_ms = NowMs();
      uint64_t wait_ms = kPollMs;
      if (deadline_ms != 0)
        wait_ms = deadline_ms > now_ms ? std::min(kPollMs, deadline_ms - now_ms) : 0;
      if (wanted_elsewhere) wait_ms = 0;
      pollfd entry{.fd = fd_, .events = POLLOUT, .revents = 0};
      const int ready = poll(&entry, 1, static_cast<int>(wait_ms));
      if (ready > 0) return true;  // or it is broken, as write() will say
      if (wait_ms == 0) return false;
    }
  }

  void Reopen() {
    if (!owns_fd()) return;
    const Result<int> fd = OpenPath(path_);
    if (!fd) {
      LogError("{}; lines still go where they went; mend that and send USR1 again",
               fd.error().message);
      return;
    }
    close(fd_);
    fd_ = *fd;
    torn_ = false;
    LookAtDescriptor();
  }

  const std::string path_;
  const uint32_t queue_lines_;
  const uint64_t queue_bytes_;
  int fd_;
  bool is_file_ = false;
  bool torn_ = false;                     // the last line written was cut
  std::atomic<uint64_t> lines_{0};        // in the queue
  std::atomic<uint64_t> bytes_{0};        // of these
  std::atomic<uint64_t> deadline_ms_{0};  // of all waiting; 0: there is none
  std::atomic<uint64_t> overflowed_{0};
  std::atomic<uint64_t> unwritten_{0};
  std::atomic<bool> reopen_{false};
};

// The thread that writes one log, or two. It keeps what it writes through until it has ended, so
// that nothing goes while it may still be in use.
struct LogThread {
  explicit LogThread(size_t lines)
      : pool(std::make_shared<spdlog::details::thread_pool>(lines, 1)) {}

  std::vector<std::shared_ptr<spdlog::async_logger>> loggers;
  // Last: its destructor writes what is queued and joins, before the loggers go.
  std::shared_ptr<spdlog::details::thread_pool> pool;
};

Result<LogFile::Pair> LogFile::Open(const LogFileOptions& first, const LogFileOptions& second) {
  const Result<int> fd = OpenPath(first.path);
  if (!fd) return tl::unexpected(fd.error());
  auto sink = std::make_shared<LogSink>(first, *fd);
  std::shared_ptr<LogSink> other;
  if (!second.path.empty()) {
    const Result<int> other_fd = OpenPath(second.path);
    if (!other_fd) return tl::unexpected(other_fd.error());
    other = std::make_shared<LogSink>(second, *other_fd);
  }
  // The sinks admit no more than their lines; one place more each for a flush.
  const auto make_thread = [](size_t lines) { return std::make_shared<LogThread>(lines); };
  size_t places = first.queue_lines + size_t{1};
  size_t other_places = second.queue_lines + size_t{1};
  const bool shared = other != nullptr && IsSameDestination(sink->fd(), other->fd());
  auto thread = make_thread(shared ? places + other_places : places);
  Pair pair;
  if (other != nullptr) {
    pair.second.reset(new LogFile(std::move(other), shared ? thread : make_thread(other_places)));
  }
  pair.first.reset(new LogFile(std::move(sink), std::move(thread)));
  return pair;
}

LogFile::LogFile(std::shared_ptr<LogSink> sink, std::shared_ptr<LogThread> thread)
    : sink_(std::move(sink)),
      logger_(std::make_shared<spdlog::async_logger>(
          "sluice", sink_, thread->pool, spdlog::async_overflow_policy::overrun_oldest)),
      thread_(std::move(thread)) {
  thread_->loggers.push_back(logger_);
}

LogFile::~LogFile() = default;

void LogFile::Write(std::string_view line) {
  if (sink_->Admit(line.size())) {
    logger_->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  }
}

void LogFile::Reopen() {
  if (sink_->RequestReopen()) logger_->flush();
}

void LogFile::GiveUp() {
  sink_->GiveUp();
}

LogLosses LogFile::losses() const {
  return sink_->losses();
}

}  // namespace sluice
