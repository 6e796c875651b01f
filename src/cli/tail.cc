#include "cli/tail.h"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/duration.h"
#include "cli/event_source.h"
#include "cli/event_text.h"
#include "cli/text.h"
#include "sluice/uv/uv_loop.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kName = "tail";

struct Options {
  std::string url;
  std::string token;
  std::string last_event_id;
  bool json = false;
  uint64_t count = 0;        // 0: no end
  uint64_t max_time_ms = 0;  // 0: no end
};

// Standard output, where whoever reads may leave at any time.
class Output {
 public:
  // `left` is called when the reader of a pipe has gone, even while there is nothing to print.
  Output(event::Loop& loop, std::function<void()> left) : is_terminal_(isatty(STDOUT_FILENO) == 1) {
    struct stat status {};
    if (fstat(STDOUT_FILENO, &status) != 0 || !S_ISFIFO(status.st_mode)) return;
    // Opened anew: watching makes a descriptor non-blocking, which others may share.
    own_ = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (own_ < 0) return;
    watcher_ = loop.MakeFdWatcher(own_, [left = std::move(left)](uint8_t) { left(); });
    if (watcher_ != nullptr) watcher_->Watch(event::FdWatcher::kPeerClosed);
  }
  ~Output() {
    watcher_.reset();
    if (own_ >= 0) close(own_);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  [[nodiscard]] bool is_terminal() const { return is_terminal_; }

  // Waits for a slow reader; the server is then read no further.
  [[nodiscard]] Result<> Write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0 && errno == EPIPE) return Fail(Errc::kClosed, "nobody reads");
      if (written < 0) return FailSystem("standard output cannot be written", errno);
      text.remove_prefix(static_cast<size_t>(written));
    }
    return {};
  }

 private:
  bool is_terminal_;
  int own_ = -1;
  std::unique_ptr<event::FdWatcher> watcher_;
};

class Tail final : private EventSourceHandler {
 public:
  Tail(event::Loop& loop, net::Network& network, const Options& options, HttpUrl url)
      : loop_(loop),
        options_(options),
        output_(loop, [this] { Finish(kDone); }),
        max_time_(loop.MakeTimer([this] { OnMaxTime(); })),
        source_(
            loop, network,
            {.url = std::move(url), .token = options.token, .last_event_id = options.last_event_id},
            *this) {
    if (options.max_time_ms > 0) max_time_->Start(options.max_time_ms);
  }

  [[nodiscard]] int exit_code() const { return exit_code_; }

 private:
  void OnEvent(const sse::ReceivedEvent& event) override {
    if (finished_) return;
    const auto written =
        output_.Write(options_.json ? EventJson(event) : EventText(event, output_.is_terminal()));
    if (!written) {
      Finish(written.error().code == Errc::kClosed ? kDone
                                                   : Complain(kName, written.error().message));
    } else if (++printed_ == options_.count) {
      Finish(kDone);
    }
  }

  void OnReconnect(std::string_view why, uint64_t delay_ms) override {
    Complain(kName, fmt::format("{}; connecting again in {}", why, Seconds(delay_ms)));
  }

  void OnStopped(const Result<>& why) override {
    if (why) {
      Finish(Complain(kName, "the server says not to come back (204)", kDone));
    } else {
      const bool unauthorized = why.error().message.starts_with("401");
      Finish(Complain(
          kName, fmt::format("{}{}", why.error().message,
                             unauthorized ? "; give a token by --token or SLUICE_TOKEN" : "")));
    }
  }

  void OnMaxTime() {
    if (options_.count == 0) return Finish(kDone);
    Finish(Complain(kName, fmt::format("{} of {} events within {}", printed_, options_.count,
                                       Seconds(options_.max_time_ms))));
  }

  void Finish(int exit_code) {
    finished_ = true;
    exit_code_ = exit_code;
    source_.Close();
    loop_.Stop();
  }

  event::Loop& loop_;
  const Options& options_;
  uint64_t printed_ = 0;
  int exit_code_ = kDone;
  bool finished_ = false;
  Output output_;
  std::unique_ptr<event::Timer> max_time_;
  EventSource source_;
};

int Run(const Options& options) {
  auto url = ParseHttpUrl(options.url);
  if (!url) return Complain(kName, url.error());
  if (const auto token = CheckToken(options.token); !token) return Complain(kName, token.error());
  if (options.last_event_id.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    return Complain(kName, "--last-event-id: an id has no line end in it", kUsage);
  }
  // A write to a reader that has gone is then an error, and no reason to die.
  std::signal(SIGPIPE, SIG_IGN);
  const auto loop = uv::MakeLoop();
  const auto network = uv::MakeNetwork(*loop);
  Tail tail(*loop, *network, options, *std::move(url));
  loop->Run();
  return tail.exit_code();
}

}  // namespace

void AddTailCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "tail", "Subscribe to a topic and print its events; reconnects as EventSource does");
  const auto options = std::make_shared<Options>();
  command->add_option("URL", options->url, "the stream: http://HOST:PORT/PATH")->required();
  command->add_option("--token", options->token, "sent as Authorization: Bearer")
      ->envname("SLUICE_TOKEN")
      ->type_name("TOKEN");
  command
      ->add_option("--last-event-id", options->last_event_id,
                   "go on after the event with this id (default: from now on)")
      ->type_name("ID");
  command->add_flag("--json", options->json,
                    "one JSON object a line: {\"type\":…,\"id\":…,\"data\":…}");
  command->add_option("-n,--count", options->count, "end after so many events")
      ->type_name("N")
      ->check(CLI::Range(uint64_t{1}, UINT64_MAX));
  command
      ->add_option("--max-time", options->max_time_ms,
                   "end after so long; with --count, that is a failure")
      ->transform(Duration());
  command->footer(
      "It ends with 0 when the server answers 204, and with 1 at any other answer that an\n"
      "EventSource takes for final. Reconnects are told on standard error.\n"
      "Examples:\n"
      "  sluice tail http://127.0.0.1:8080/events/news\n"
      "  sluice tail http://127.0.0.1:8080/events/news --json | jq .data\n"
      "  SLUICE_TOKEN=$TOKEN sluice tail http://127.0.0.1:8080/events/rooms/42 --count 1");
  command->callback([options, &exit_code] { exit_code = Run(*options); });
}

}  // namespace sluice::cli
