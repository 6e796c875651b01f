#include "cli/health.h"

#include <memory>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/duration.h"
#include "cli/http_fetch.h"
#include "cli/text.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kName = "health";
constexpr uint64_t kTimeoutMs = 3'000;

struct Options {
  std::string url;
  std::string config_path;
  bool ready = false;
  uint64_t timeout_ms = kTimeoutMs;
};

// "redis (no probe message came back in time)"; empty if the body is none of /readyz.
std::string FailedChecks(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  std::string failed;
  if (!json.is_object() || !json.contains("checks") || !json["checks"].is_object()) return failed;
  for (const auto& [name, state] : json["checks"].items()) {
    if (!state.is_string() || state == "ok") continue;
    failed += fmt::format("{}{} ({})", failed.empty() ? "" : ", ", Printable(name),
                          Printable(state.get<std::string>()));
  }
  return failed;
}

Result<> Ask(const HttpUrl& url, uint64_t timeout_ms) {
  HttpRequest request;
  request.url = url;
  const auto answer = Fetch(
      request,
      {.connect_timeout_ms = timeout_ms, .answer_timeout_ms = timeout_ms, .timeout_hint = {}});
  if (!answer) return tl::unexpected(answer.error());
  constexpr int kOk = 200;
  if (answer->status == kOk) return {};
  const std::string checks = FailedChecks(answer->body);
  return Fail(Errc::kUnavailable, checks.empty()
                                      ? DescribeStatus(answer->status, answer->reason, answer->body)
                                      : "not ready: " + checks);
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
