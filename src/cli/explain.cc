#include "cli/explain.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/explain_limits.h"
#include "cli/explain_route.h"
#include "cli/http_call.h"
#include "cli/http_url.h"
#include "cli/text.h"
#include "sluice/auth/schemes.h"
#include "sluice/base/clock.h"
#include "sluice/http/request_parser.h"
#include "sluice/http/response.h"
#include "sluice/http/status.h"
#include "sluice/routing/router.h"
#include "sluice/routing/source_target.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kName = "explain";
constexpr int kOk = 200;
constexpr int kAccepted = 202;
constexpr int kForbidden = 403;
constexpr int kNotFound = 404;

std::string Join(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ", ") + part;
  return out;
}

std::string Describe(const config::Patterns& patterns) {
  if (!patterns) return "every topic";
  return patterns->empty() ? "none" : Join(*patterns);
}

std::string Describe(const config::TokenPlace& place) {
  switch (place.kind) {
    case config::TokenPlace::Kind::kQuery:
      return fmt::format("query parameter {}", place.name);
    case config::TokenPlace::Kind::kCookie:
      return fmt::format("cookie {}", place.name);
    case config::TokenPlace::Kind::kBearer:
      break;
  }
  return "Authorization: Bearer";
}

class Explainer {
 public:
  Explainer(config::ConfigPtr config, uint64_t now_ms)
      : config_(std::move(config)), router_(config_), schemes_(config_->auth), now_ms_(now_ms) {}

  Explanation Explain(const Question& question) {
    const http::RequestLimits limits{.head_bytes = config_->limits.header_bytes,
                                     .headers = config_->limits.headers,
                                     .body_bytes = config_->limits.body_bytes};
    http::RequestParser parser(limits);
    const auto fed = parser.Feed(Serialize(question), nullptr);
    if (fed.event == http::RequestParser::Event::kError) {
      Conclude(parser.error().status, parser.error().detail);
      return std::move(explanation_);
    }
    const http::Request& request = parser.request();
    const routing::Match match =
        question.name.empty()
            ? router_.Find(request.host(), request.path(),
                           question.internal ? routing::Scope::kInternal : routing::Scope::kClient)
            : router_.FindNamed(question.name);
    switch (match.action) {
      case routing::Action::kTopic:
        Line("request", "GET " + std::string(request.path().text()));
        ExplainTopic(request, match);
        break;
      case routing::Action::kPublish:
        Line("request", "POST " + std::string(request.path().text()));
        ExplainPublish(request, match);
        break;
      case routing::Action::kDemo:
        Line("request", "GET /");
        Line("route", "the demo page (demo: true)");
        Conclude(kOk);
        break;
      case routing::Action::kProxy:
        Line("request", "GET " + std::string(request.path().text()));
        ExplainRoute(request, config_->routes[match.index]);
        break;
      case routing::Action::kNone:
        Line("request", "GET " + std::string(request.path().text()));
        Line("route", "none");
        Conclude(kNotFound, WhyNone(question, request.path(), match));
        break;
    }
    return std::move(explanation_);
  }

 private:
  static std::string Serialize(const Question& question) {
    std::string head =
        fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n", question.target, question.host);
    if (!question.token.empty()) {
      const auto [name, value] = BearerHeader(question.token);
      head += fmt::format("{}: {}\r\n", name, value);
    }
    if (!question.cookie.empty()) head += fmt::format("Cookie: {}\r\n", question.cookie);
    return head + "\r\n";
  }

  void Line(std::string_view name, std::string_view value) {
    explanation_.text += fmt::format("{:<10} {}\n", name, Printable(value));
  }

  void Print(const ExplainedLines& lines) {
    for (const auto& [name, value] : lines) Line(name, value);
  }

  void Conclude(int status, std::string_view detail = {}) {
    explanation_.status = status;
    Line("answer", fmt::format("{} {}{}{}", status, http::ReasonPhrase(status),
                               detail.empty() ? "" : ": ", detail));
  }

  [[nodiscard]] std::string WhyNone(const Question& question, const http::Path& path,
                                    const routing::Match& match) const {
    if (match.internal) {
      return "what is there is internal: an upstream's X-Accel-Redirect alone leads to it (see "
             "--internal)";
    }
    if (!question.name.empty()) {
      std::vector<std::string> names;
      for (const auto& route : config_->routes) {
        if (route.named) names.push_back("@" + route.name);
      }
      return fmt::format("no route has that name; the configuration has {}",
                         names.empty() ? "none with a name" : Join(names));
    }
    if (config_->routes.empty() && path.trailing_slash() && path.segment_count() > 0) {
      return "no topic's or publish path matches; without the slash at its end one might";
    }
    std::vector<std::string> paths;
    for (const auto& topic : config_->topics) paths.push_back(topic.path);
    for (const auto& publish : config_->publish) paths.push_back(publish.path);
    for (const auto& route : config_->routes) {
      if (!route.path.empty()) paths.push_back(route.named ? route.path : route.name);
    }
    return fmt::format("no path matches; the configuration has {}", Join(paths));
  }

  static std::string Parameters(const routing::Match& match) {
    std::string out;
    for (const auto& [name, value] : match.Parameters()) {
      out += fmt::format("{}{} = {}", out.empty() ? "; " : ", ", name, value);
    }
    return out;
  }

  void ExplainTopic(const http::Request& request, const routing::Match& match) {
    const config::Topic& topic = config_->topics[match.index];
    const std::string channel = router_.ChannelOf(match);
    Line("route", fmt::format("topic {} (path {}{}{})", topic.name, topic.path, Parameters(match),
                              topic.internal ? "; internal" : ""));
    Line("channel", Source(topic, channel));
    const auto denial = ExplainAuth(request, topic.auth, topic.auth_request, auth::Right::kRead,
                                    router_.NameOf(match.index, channel));
    ExplainCors();
    ExplainStream(request, topic);
    if (denial) {
      Conclude(auth::StatusOf(*denial), auth::DetailOf(*denial));
    } else if (router_.TopicOf(channel) != match.index) {
      Conclude(kNotFound, "the channel belongs to another topic, or to none");
    } else {
      Conclude(kOk, "text/event-stream");
    }
  }

  void ExplainRoute(const http::Request& request, const config::Route& route) {
    Line("route", DescribeRoute(route));
    Print(ExplainUpstream(*config_, route, request));
    const auto denial = ExplainAuth(request, route.auth, route.auth_request, std::nullopt, {});
    ExplainCors();
    Print(ExplainPassing(*config_, route));
    LineOfClient(route.limits, "requests at a time");
    if (denial) return Conclude(auth::StatusOf(*denial), auth::DetailOf(*denial));
    explanation_.status = kOk;
    Line("answer", fmt::format("what {} answers", route.upstream));
  }

  [[nodiscard]] std::string Source(const config::Topic& topic, const std::string& channel) const {
    switch (topic.source) {
      case config::Source::kMetrics:
        return "none: the gateway's own numbers";
      case config::Source::kUpstream: {
        const auto target = routing::SourceTarget(topic, channel);
        return fmt::format("{} (upstream {}, {})", channel, topic.upstream,
                           target ? "GET " + *target : "which is not asked for \".\" and \"..\"");
      }
      case config::Source::kPubSub:
        break;
    }
    return fmt::format("{} ({})", channel, BrokerName());
  }

  void ExplainPublish(const http::Request& request, const routing::Match& match) {
    const config::Publish& publish = config_->publish[match.index];
    Line("route", fmt::format("publish path {}{}", publish.path, Parameters(match)));
    const auto target = router_.PublishTarget(match);
    const config::Topic* topic = target ? &config_->topics[target->index] : nullptr;
    if (topic != nullptr) {
      Line("topic", fmt::format("{} (path {})", topic->name, topic->path));
      Line("channel", fmt::format("{} ({})", target->channel, BrokerName()));
    } else {
      Line("topic", "none");
    }
    const auto denial =
        ExplainAuth(request, publish.auth, std::nullopt, auth::Right::kPublish,
                    target ? router_.NameOf(target->index, target->channel) : std::string_view());
    ExplainCors();
    Line("limits", fmt::format("body {} bytes, message {} bytes", config_->limits.body_bytes,
                               config_->limits.message_bytes));
    LineOfClient({}, "");
    if (denial) {
      Conclude(auth::StatusOf(*denial), auth::DetailOf(*denial));
    } else if (topic == nullptr) {
      Conclude(kNotFound, "there is no such topic");
    } else if (topic->source == config::Source::kMetrics) {
      Conclude(kForbidden, "the gateway alone publishes on this topic (source: metrics)");
    } else {
      Conclude(kAccepted);
    }
  }

  // Why the request would be refused; without a `right` any good token will do. The failures of an
  // address and the tokens that expired while they streamed are known to the running gateway only.
  std::optional<auth::Denial> ExplainAuth(const http::Request& request, std::string_view name,
                                          const std::optional<config::AuthRequest>& asked,
                                          std::optional<auth::Right> right,
                                          std::string_view topic) {
    if (asked) {
      Line("auth", DescribeAuthRequest(*asked));
      return std::nullopt;
    }
    if (name.empty()) {
      Line("auth", "none: open to everyone who can connect");
      return std::nullopt;
    }
    const auth::Scheme* scheme = schemes_.Find(name);
    std::vector<std::string> places;
    for (const auto& place : scheme->config().places) places.push_back(Describe(place));
    Line("auth", fmt::format("scheme {}, which looks in: {}", name, Join(places)));
    const auto found = scheme->Find(request);
    if (!found) {
      Line("token", "none found there");
      return auth::Denial::kMissing;
    }
    const auto& all = scheme->config().places;
    const auto place = std::find_if(all.begin(), all.end(), [&found](const auto& candidate) {
      return candidate.kind == found->place;
    });
    const auth::Verdict verdict = scheme->Check(request, now_ms_);
    Line("token", fmt::format("from {}{}{}", Describe(*place), verdict.denial ? "; refused: " : "",
                              verdict.denial ? auth::Name(*verdict.denial) : ""));
    const auth::Identity& identity = verdict.identity;
    if (!identity.subject.empty()) Line("subject", identity.subject);
    if (identity.expires_ms != 0) Line("expires", Expiry(identity.expires_ms));
    if (verdict.denial || !right) return verdict.denial;
    Line("may",
         fmt::format("read: {}; publish: {}", Describe(identity.read), Describe(identity.publish)));
    if (identity.May(*right, topic)) return std::nullopt;
    Line("forbidden",
         topic.empty() ? "there is no such topic" : fmt::format("{} is not among them", topic));
    return auth::Denial::kForbidden;
  }

  [[nodiscard]] std::string Expiry(uint64_t expires_ms) const {
    const std::string date = http::FormatDate(expires_ms / 1000);
    return expires_ms > now_ms_ ? fmt::format("{}, in {} s", date, (expires_ms - now_ms_) / 1000)
                                : fmt::format("{}, {} s ago", date, (now_ms_ - expires_ms) / 1000);
  }

  void ExplainCors() {
    if (!config_->cors) {
      Line("cors", "none: pages of the same origin only");
      return;
    }
    Line("cors", fmt::format("{}{}", Join(config_->cors->origins),
                             config_->cors->credentials ? ", with credentials" : ""));
  }

  void ExplainStream(const http::Request& request, const config::Topic& topic) {
    Line("history",
         fmt::format("{} events, {} bytes, {}; {} of them to a client without Last-Event-ID",
                     topic.history.events, topic.history.bytes, Seconds(topic.history.age_ms),
                     topic.replay_initial));
    for (const std::string& field : topic.filter) {
      const auto value = request.Query(field);
      Line("filter",
           value ? fmt::format("{} = {}", field, *value) : fmt::format("{}: not asked for", field));
    }
    Line("limits",
         fmt::format("{} subscribers of it, {} of all, {} connections", topic.max_subscribers,
                     config_->limits.subscribers, config_->limits.connections));
    LineOfClient(topic.limits, "streams");
  }

  void LineOfClient(const config::RateLimits& limits, std::string_view what) {
    const std::string text = DescribeClientLimits(config_->limits, limits, what);
    if (!text.empty()) Line("client", text);
  }

  [[nodiscard]] std::string_view BrokerName() const {
    return config_->broker == config::BrokerKind::kRedis ? "Redis" : "memory broker";
  }

  config::ConfigPtr config_;
  routing::Router router_;
  auth::Schemes schemes_;
  uint64_t now_ms_;
  Explanation explanation_;
};

struct Options {
  std::string url;
  Question question;
  std::string config_path;
};

Result<void> Read(const std::string& url, Question& question) {
  if (url.starts_with('@')) {
    question.name = url;
    return {};
  }
  HttpUrl here;
  auto parsed = url.starts_with('/') ? here.Follow(url) : ParseHttpUrl(url);
  if (!parsed) return tl::unexpected(parsed.error());
  question.target = std::move(parsed->target);
  if (!url.starts_with('/')) question.host = std::move(parsed->authority);
  return {};
}

int Run(Options& options) {
  if (const auto read = Read(options.url, options.question); !read) {
    return Complain(kName, read.error());
  }
  if (const auto token = CheckToken(options.question.token); !token) {
    return Complain(kName, token.error());
  }
  if (options.question.cookie.find_first_of("\r\n") != std::string::npos) {
    return Complain(kName, "--cookie: a field has no line end in it", kUsage);
  }
  const config::ConfigPtr config = LoadOrComplain(options.config_path);
  if (config == nullptr) return kFailed;
  const Explanation explanation = Explain(config, options.question, WallMs());
  fmt::print("{}", explanation.text);
  return explanation.status == kOk || explanation.status == kAccepted ? kDone : kFailed;
}

}  // namespace

Explanation Explain(const config::ConfigPtr& config, const Question& question, uint64_t now_ms) {
  return Explainer(config, now_ms).Explain(question);
}

void AddExplainCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "explain", "Say which route a URL takes, what it may do and what limits it, without serving");
  const auto options = std::make_shared<Options>();
  command
      ->add_option("URL", options->url,
                   "a URL whose host and path are looked at, a path, or @NAME of a route")
      ->required();
  command->add_option("--token", options->question.token, "as Authorization: Bearer")
      ->envname("SLUICE_TOKEN")
      ->type_name("TOKEN");
  command->add_option("--cookie", options->question.cookie, "as the Cookie field: NAME=VALUE")
      ->type_name("COOKIE");
  command->add_flag("--internal", options->question.internal,
                    "look as an X-Accel-Redirect does: what is internal is found, too");
  AddConfigOption(*command, options->config_path);
  command->footer(
      "It ends with 0 if the gateway would serve the request, and with 1 if it would refuse it.\n"
      "A token in the URL is looked at too; none is printed.\n"
      "Examples:\n"
      "  sluice explain /events/news\n"
      "  sluice explain 'http://127.0.0.1:8080/events/rooms/42?token=…' -c "
      "/etc/sluice/sluice.yaml\n"
      "  sluice explain /publish/news --token \"$TOKEN\"");
  command->callback([options, &exit_code] { exit_code = Run(*options); });
}

}  // namespace sluice::cli
