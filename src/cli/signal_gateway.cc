#include "cli/signal_gateway.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <iterator>
#include <optional>

#include <sys/types.h>

#include <fmt/format.h>

#include "cli/command.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kName = "-s";

struct Word {
  std::string_view text;
  std::array<int, 2> signals;  // 0: none
};

// Of two signals that drain, the second stops at once. Two of the same number may arrive as one, so
// `stop` sends two numbers.
constexpr Word kWords[] = {
    {"reload", {SIGHUP, 0}},
    {"quit", {SIGQUIT, 0}},
    {"stop", {SIGTERM, SIGQUIT}},
    {"reopen", {SIGUSR1, 0}},
};

std::optional<std::string> ReadText(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<pid_t> ReadPid(const std::string& path) {
  const auto text = ReadText(path);
  if (!text) {
    const int error = errno;
    if (error != ENOENT) return FailSystem("the pid file " + path + " cannot be read", error);
    return Fail(Errc::kNotFound, fmt::format("there is no pid file {}: no gateway with this "
                                             "configuration runs here",
                                             path));
  }
  pid_t pid = 0;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, pid);
  const bool whole = parsed.ptr == end || (*parsed.ptr == '\n' && parsed.ptr + 1 == end);
  if (parsed.ec != std::errc() || !whole || pid <= 1) {
    return Fail(Errc::kUnavailable,
                fmt::format("{} does not hold a process id; is pid_file right?", path));
  }
  return pid;
}

// A pid file outlives a gateway that was killed, and its number may belong to another program then.
Result<> CheckIsSluice(pid_t pid, const std::string& path) {
  const auto stale = [&](std::string_view why) {
    return Fail(Errc::kNotFound,
                fmt::format("{}: the pid file {} was left behind by a gateway that did not end in "
                            "order; the next start overwrites it",
                            why, path));
  };
  if (kill(pid, 0) != 0 && errno == ESRCH) return stale(fmt::format("process {} is gone", pid));
  const auto name = ReadText(fmt::format("/proc/{}/comm", pid));
  // Not readable: it is another user's, and kill says so.
  if (name && *name != ReadText("/proc/self/comm")) {
    return stale(fmt::format("process {} is another program", pid));
  }
  return {};
}

Result<> Send(pid_t pid, std::string_view word) {
  for (const Word& known : kWords) {
    if (known.text != word) continue;
    for (const int number : known.signals) {
      if (number == 0 || kill(pid, number) == 0) continue;
      const int error = errno;
      // The first of two may have ended it already.
      if (error == ESRCH && number != known.signals.front()) continue;
      return FailSystem(fmt::format("process {} cannot be signalled{}", pid,
                                    error == EPERM ? " by this user; try its own, or root" : ""),
                        error);
    }
  }
  return {};
}

}  // namespace

std::vector<std::string> SignalWords() {
  std::vector<std::string> words;
  for (const Word& word : kWords) words.emplace_back(word.text);
  return words;
}

int SignalGateway(std::string_view word, std::string config_path) {
  const config::ConfigPtr config = LoadOrComplain(config_path);
  if (config == nullptr) return kFailed;
  if (config->pid_file.empty()) {
    return Complain(kName, fmt::format("{} has no pid_file, by which the gateway is found: add one "
                                       "and start the gateway again, or signal it by its id",
                                       config_path));
  }
  const auto pid = ReadPid(config->pid_file);
  if (!pid) return Complain(kName, pid.error());
  if (const auto is = CheckIsSluice(*pid, config->pid_file); !is)
    return Complain(kName, is.error());
  if (const auto sent = Send(*pid, word); !sent) return Complain(kName, sent.error());
  return kDone;
}

}  // namespace sluice::cli
