#include "cli/health.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/duration.h"
#include "cli/http_call.h"
#include "cli/text.h"
#include "sluice/uv/uv_loop.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kName = "health";
constexpr uint64_t kTimeoutMs = 3'000;
constexpr size_t kMaxAnswer = size_t{64} * 1024;

struct Options {
  std::string url;
  std::string config_path;
  bool ready = false;
  uint64_t timeout_ms = kTimeoutMs;
};

// One question. Done once `done` is called.
class Question final : public HttpCallHandler {
 public:
  Question(net::Network& network, const HttpRequest& request, uint64_t timeout_ms,
           std::function<void()> done)
      : done_(std::move(done)), call_(network, request, timeout_ms, *this) {}

  // REQUIRES: done.
  [[nodiscard]] Result<> Answer() const {
    if (failure_) return tl::unexpected(*failure_);
    constexpr int kOk = 200;
    if (status_ == kOk) return {};
    const std::string checks = FailedChecks();
    return Fail(Errc::kUnavailable,
                checks.empty() ? DescribeStatus(status_, reason_, body_) : "not ready: " + checks);
  }

  void TimeOut(uint64_t timeout_ms) {
    call_.Cancel();
    OnFailed({.code = Errc::kTimeout, .message = "no answer within " + Seconds(timeout_ms)});
  }

 private:
  void OnHead(const http::ResponseHead& head) override {
    status_ = head.status();
    reason_ = head.reason();
  }
  void OnBody(std::string_view bytes) override {
    body_ += bytes.substr(0, kMaxAnswer - std::min(body_.size(), kMaxAnswer));
  }
  void OnEnd() override { done_(); }
  void OnFailed(const Error& error) override {
    failure_ = error;
    done_();
  }

  // "redis (no probe message came back in time)"; empty if the body is none of /readyz.
  [[nodiscard]] std::string FailedChecks() const {
    const auto json = nlohmann::json::parse(body_, nullptr, false);
    std::string failed;
    if (!json.is_object() || !json.contains("checks") || !json["checks"].is_object()) return failed;
    for (const auto& [name, state] : json["checks"].items()) {
      if (!state.is_string() || state == "ok") continue;
      failed += fmt::format("{}{} ({})", failed.empty() ? "" : ", ", Printable(name),
                            Printable(state.get<std::string>()));
    }
    return failed;
  }

  std::function<void()> done_;
  std::optional<Error> failure_;
  int status_ = 0;
  std::string reason_;
  std::string body_;
  HttpCall call_;
};

Result<> Ask(const HttpUrl& url, uint64_t timeout_ms) {
  const auto loop = uv::MakeLoop();
  const auto network = uv::MakeNetwork(*loop);
  HttpRequest request;
  request.url = url;
  Question question(*network, request, timeout_ms, [&loop] { loop->Stop(); });
  const auto timeout = loop->MakeTimer([&] { question.TimeOut(timeout_ms); });
  timeout->Start(timeout_ms);
  loop->Run();
  return question.Answer();
}

Result<HttpUrl> AdminUrl(const config::Config& config) {
  if (!config.admin) {
    return Fail(Errc::kNotFound,
                "the configuration has no admin listener: add `admin: {listen: 127.0.0.1:8081}`, "
                "or name a URL");
  }
  return UrlOf(*config.admin);
}

int Run(Options& options) {
  Result<HttpUrl> url;
  if (!options.url.empty()) {
    url = ParseHttpUrl(options.url);
  } else {
    const config::ConfigPtr config = LoadOrComplain(options.config_path);
    if (config == nullptr) return kFailed;
    url = AdminUrl(*config);
  }
  if (!url) return Complain(kName, url.error());
  if (url->target == "/") url->target = options.ready ? "/readyz" : "/healthz";
  const auto answer = Ask(*url, options.timeout_ms);
  if (!answer) return Complain(kName, answer.error().message);
  fmt::print("{}\n", options.ready ? "ready" : "alive");
  return kDone;
}

}  // namespace

void AddHealthCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "health", "Ask the gateway that runs here whether it is alive: exit code 0 or 1");
  const auto options = std::make_shared<Options>();
  command->add_option("URL", options->url,
                      "its admin listener (default: the one in the configuration)");
  command->add_flag("--ready", options->ready,
                    "ask whether it is ready for clients: it listens, does not drain, and Redis "
                    "answers");
  command->add_option("--timeout", options->timeout_ms, "longest wait (default: 3s)")
      ->transform(Duration());
  AddConfigOption(*command, options->config_path);
  command->footer(
      "Examples:\n"
      "  sluice health\n"
      "  sluice health --ready http://127.0.0.1:8081\n"
      "  HEALTHCHECK CMD [\"sluice\", \"health\"]      (in a Dockerfile)");
  command->callback([options, &exit_code] { exit_code = Run(*options); });
}

}  // namespace sluice::cli
