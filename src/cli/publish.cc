#include "cli/publish.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/http_fetch.h"
#include "cli/publish_url.h"
#include "cli/text.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kName = "publish";
// What no gateway takes: limits.body_bytes is at most 1 GiB, and standard input may be endless.
constexpr size_t kMaxData = size_t{1} << 30;

struct Options {
  std::string topic;
  std::string data;
  std::string event;
  std::string id;
  std::string url;
  std::string token;
  std::string config_path;
  const CLI::Option* data_option = nullptr;
};

// All of it, without the line end that a shell's command puts at the end.
Result<std::string> ReadStandardInput() {
  std::string text;
  char buffer[size_t{64} * 1024];
  for (;;) {
    const ssize_t got = read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailSystem("standard input cannot be read", errno);
    if (got == 0) break;
    text.append(buffer, static_cast<size_t>(got));
    if (text.size() > kMaxData) {
      return Fail(Errc::kLimit, "standard input is longer than 1 GiB, more than any event");
    }
  }
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

// The id that the gateway gave the event.
Result<std::string> Publish(const HttpRequest& request) {
  const auto answer = Fetch(request, {.timeout_hint = "; the event may have been published"});
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status / 100 != 2) {
    constexpr int kUnauthorized = 401;
    return Fail(
        Errc::kUnavailable,
        DescribeStatus(answer->status, answer->reason, answer->body) +
            (answer->status == kUnauthorized ? "; give a token by --token or SLUICE_TOKEN" : ""));
  }
  const auto json = nlohmann::json::parse(answer->body, nullptr, false);
  if (!json.is_object() || !json.contains("id") || !json["id"].is_string()) {
    return Fail(
        Errc::kUnavailable,
        fmt::format("answered {} without an id; is this a Sluice gateway?", answer->status));
  }
  return json["id"].get<std::string>();
}

// Where the scheme of the publish path looks for a token: a header if it takes one.
void AddToken(const config::AuthScheme* scheme, const std::string& token, HttpRequest& request) {
  using Kind = config::TokenPlace::Kind;
  if (token.empty()) return;
  const auto is_bearer = [](const config::TokenPlace& place) {
    return place.kind == Kind::kBearer;
  };
  if (scheme == nullptr || scheme->places.empty() ||
      std::any_of(scheme->places.begin(), scheme->places.end(), is_bearer)) {
    request.headers.push_back(BearerHeader(token));
  } else if (const auto& place = scheme->places.front(); place.kind == Kind::kQuery) {
    AddQuery(request.url, place.name, token);
  } else {
    request.headers.emplace_back("Cookie", fmt::format("{}={}", place.name, token));
  }
}

int Run(Options& options) {
  if (const auto token = CheckToken(options.token); !token) return Complain(kName, token.error());
  HttpRequest request;
  request.method = "POST";
  request.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
  if (!options.url.empty()) {
    auto url = PublishUrl(options.url, options.topic);
    if (!url) return Complain(kName, url.error());
    request.url = *std::move(url);
    AddToken(nullptr, options.token, request);
  } else {
    const config::ConfigPtr config = LoadOrComplain(options.config_path);
    if (config == nullptr) return kFailed;
    auto publish = PublishUrl(*config, options.topic);
    if (!publish) return Complain(kName, publish.error());
    request.url = std::move(publish->url);
    AddToken(FindScheme(*config, publish->entry->auth), options.token, request);
  }
  AddQuery(request.url, "event", options.event);
  AddQuery(request.url, "id", options.id);
  if (*options.data_option) {
    request.body = options.data;
  } else {
    auto data = ReadStandardInput();
    if (!data) return Complain(kName, data.error());
    request.body = *std::move(data);
  }
  const auto id = Publish(request);
  if (!id) return Complain(kName, id.error().message);
  fmt::print("{}\n", Printable(*id));
  return kDone;
}

}  // namespace

void AddPublishCommand(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("publish", "Publish an event to a running gateway and print its id");
  const auto options = std::make_shared<Options>();
  command->add_option("TOPIC", options->topic, "topic's name, or channel such as room:42")
      ->required();
  options->data_option = command->add_option(
      "DATA", options->data,
      "the event's data (default: standard input, without the line end at its end)");
  command->add_option("--event", options->event, "the event's name")->type_name("NAME");
  command->add_option("--id", options->id, "the event's id (default: the gateway makes one)")
      ->type_name("ID");
  command
      ->add_option("--url", options->url,
                   "the gateway: http://HOST:PORT, or a publish URL with {topic} in it (default: "
                   "the configuration's first listener and publish path)")
      ->type_name("URL");
  command
      ->add_option("--token", options->token,
                   "sent as Authorization: Bearer, or, without --url, where the "
                   "scheme of the publish path looks for it")
      ->envname("SLUICE_TOKEN")
      ->type_name("TOKEN");
  AddConfigOption(*command, options->config_path);
  command->footer(
      "Other users see a --token in the list of processes; SLUICE_TOKEN they do not.\n"
      "Examples:\n"
      "  sluice publish news hello\n"
      "  sluice publish news --event alert 'disk full'\n"
      "  date | sluice publish room:42 --url http://127.0.0.1:8080\n"
      "  sluice publish news --url 'http://127.0.0.1:8080/publish/{topic}' -- '-1 degree'");
  command->callback([options, &exit_code] { exit_code = Run(*options); });
}

}  // namespace sluice::cli
