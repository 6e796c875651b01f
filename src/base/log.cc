#include "sluice/base/log.h"

#include <array>
#include <atomic>
#include <memory>

#include <unistd.h>

#include "base/log_file.h"

namespace sluice {
namespace {

struct LogState {
  std::unique_ptr<LogFile> error;
  std::unique_ptr<LogFile> access;  // null: there is none
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

}  // namespace

Result<> StartLog(const LogOptions& options) {
  StopLog();
  LogFileOptions error{.path = options.path,
                       .stamp = true,
                       .queue_lines = options.queue_lines,
                       .queue_bytes = options.queue_bytes};
  LogFileOptions access = error;
  access.path = options.access_path;
  access.stamp = false;
  Result<LogFile::Pair> opened = LogFile::Open(error, access);
  if (!opened) return tl::unexpected(opened.error());
  auto state = std::make_unique<LogState>();
  state->error = std::move(opened->first);
  state->access = std::move(opened->second);
  SetLogLevel(options.level);
  g_state.store(state.release(), std::memory_order_release);
  return {};
}

void StopLog() {
  const std::unique_ptr<LogState> state(g_state.exchange(nullptr));
  if (state == nullptr) return;
  state->error->GiveUp();
  if (state->access != nullptr) state->access->GiveUp();
}

void ReopenLog() {
  LogState* state = g_state.load(std::memory_order_acquire);
  if (state == nullptr) return;
  state->error->Reopen();
  if (state->access != nullptr) state->access->Reopen();
  LogInfo("logs reopened");
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
    state->error->Write(fmt::format("{:<5} {}", kLevelNames[static_cast<size_t>(level)], line));
    return;
  }
  const std::string plain = fmt::format("{}\n", line);
  if (write(STDERR_FILENO, plain.data(), plain.size()) < 0) return;
}

void LogAccess(std::string_view line) {
  LogState* state = g_state.load(std::memory_order_acquire);
  if (state != nullptr && state->access != nullptr) state->access->Write(line);
}

LogLosses GetLogLosses(LogKind kind) {
  LogState* state = g_state.load(std::memory_order_acquire);
  if (state == nullptr) return {};
  const auto& file = kind == LogKind::kError ? state->error : state->access;
  return file != nullptr ? file->losses() : LogLosses{};
}

}  // namespace sluice
