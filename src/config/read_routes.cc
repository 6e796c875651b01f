#include "config/read_routes.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "config/names.h"
#include "config/read_auth_request.h"
#include "config/read_error_pages.h"
#include "config/read_headers.h"
#include "config/read_host.h"
#include "config/read_limits.h"
#include "config/template.h"

namespace sluice::config {
namespace {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kGiB = kKiB * kKiB * kKiB;
constexpr size_t kMaxHosts = 64;

// What /metrics calls requests that no route answered.
constexpr std::array<std::string_view, 3> kOtherLabels = {"publish", "demo", "none"};

class RouteReader {
 public:
  RouteReader(Section& section, const Config& config)
      : section_(section), reader_(section.reader()), config_(config) {}

  // `places` are the hosts with paths that are taken, `names` the names.
  Route Read(Claims& places, Claims& names) {
    ReadName(names);
    section_.Bool("internal", route_.internal);
    ReadPrefix();
    ReadHosts();
    ClaimPlaces(places);
    if (!route_.named) route_.name = (route_.hosts.empty() ? "" : route_.hosts[0]) + route_.path;
    ReadUpstream();
    ReadEdits();
    ReadBodies();
    ReadAuth();
    section_.Bool("websocket", route_.websocket);
    ReadCors();
    section_.Size("limit_rate", route_.limit_rate, {0, 64 * kGiB});
    section_.Map("limits", [&](Section& limits) {
      ReadRateLimits(limits, !route_.auth.empty(), route_.limits);
    });
    ReadErrors();
    return std::move(route_);
  }

 private:
  void ReadName(Claims& names) {
    const Value* value = section_.Text("name", route_.name);
    if (value == nullptr) return;
    if (!IsName(route_.name)) return reader_.FailQuoting(*value, NameRule("is no name: a route's"));
    route_.named = true;
    names.Claim(reader_, *value, route_.name, "this name is that");
    const bool is_topic =
        std::any_of(config_.topics.begin(), config_.topics.end(),
                    [&](const Topic& topic) { return topic.name == route_.name; });
    if (is_topic) {
      reader_.FailQuoting(*value, "is the name of a topic: metrics and logs would mix them");
    }
    if (std::find(kOtherLabels.begin(), kOtherLabels.end(), route_.name) != kOtherLabels.end()) {
      reader_.FailQuoting(*value, "is what metrics and logs call other requests");
    }
  }

  void ReadPrefix() {
    route_.path.clear();
    const bool by_name = route_.internal && route_.named;  // reached as @NAME
    const Value* value =
        by_name ? section_.Find("path")
                : section_.Require("path", "; \"/\" stands for all that no longer path matches");
    if (value == nullptr) return;
    std::optional<std::string> text = reader_.Text(*value);
    if (!text) return;
    const tl::expected<Template, std::string> parsed = ParsePath(*text);
    if (!parsed) return reader_.FailQuoting(*value, parsed.error());
    if (!parsed->parameters.empty()) {
      return reader_.FailQuoting(
          *value, "has a parameter; a route's path is a prefix, and matches all below it");
    }
    route_.path = std::move(*text);
  }

  void ReadHosts() {
    const Value* value = section_.Find("hosts");
    if (value == nullptr) return;
    if (route_.path.empty() && section_.Find("path") == nullptr) {
      reader_.Fail(*value, "is not used without a path");
    }
    reader_.List(*value, [&](const Value& item) {
      std::optional<std::string> host = ReadHostPattern(reader_, item);
      if (!host) return;
      if (std::find(route_.hosts.begin(), route_.hosts.end(), *host) != route_.hosts.end()) {
        return reader_.FailQuoting(item, "is in the list already");
      }
      route_.hosts.push_back(std::move(*host));
    });
    if (value->node->kind != YamlNode::Kind::kList) return;
    if (value->node->entries.empty()) {
      reader_.Fail(*value, "is an empty list; without the key the route is for all hosts");
    }
    if (value->node->entries.size() > kMaxHosts) {
      reader_.Fail(*value, fmt::format("has {} hosts; {} is the most", value->node->entries.size(),
                                       kMaxHosts));
    }
  }

  void ClaimPlaces(Claims& places) {
    if (route_.path.empty()) return;
    const Value& path = *section_.Find("path");
    if (route_.hosts.empty()) places.Claim(reader_, path, route_.path, "this path is that");
    for (const std::string& host : route_.hosts) {
      places.Claim(reader_, path, host + route_.path, fmt::format("this path on {} is that", host));
    }
  }

  void ReadUpstream() {
    const Value* value = section_.Require("upstream", "; name one under `upstreams`");
    if (value == nullptr) return;
    const Upstream* found =
        FindNamed(reader_, *value, config_.upstreams, "an upstream under `upstreams`");
    if (found != nullptr) route_.upstream = found->name;
  }

  void ReadEdits() {
    section_.Bool("strip_prefix", route_.strip_prefix);
    if (route_.strip_prefix && section_.Find("path") == nullptr) {
      reader_.Fail(*section_.Find("strip_prefix"), "is not used without a path");
    }
    ReadAuthority(section_, "host", route_.host);
    ReadHeaderEdits(section_, "request_headers", route_.request_headers);
    ReadHeaderEdits(section_, "response_headers", route_.response_headers);
  }

  void ReadBodies() {
    section_.Switch("buffering", route_.buffering);
    section_.Size("buffers", route_.buffer_bytes, {4 * kKiB, kGiB});
    section_.Switch("request_buffering", route_.request_buffering);
    uint64_t body_bytes = 0;
    section_.Size("body_bytes", body_bytes, {0, 1024 * kGiB});
    if (section_.Find("body_bytes") != nullptr) route_.body_bytes = body_bytes;
  }

  void ReadAuth() {
    const Value* value = section_.Find("auth");
    if (value != nullptr) {
      ReadAuthChoice(reader_, *value, config_, route_.auth, route_.auth_request);
    }
    section_.Bool("strip_tokens", route_.strip_tokens);
    if (route_.strip_tokens && config_.auth.empty()) {
      reader_.Fail(*section_.Find("strip_tokens"),
                   "is not used: there is no scheme under `auth` that says where tokens are");
    }
  }

  void ReadCors() {
    section_.Bool("cors", route_.cors);
    if (route_.cors && !config_.cors) {
      reader_.Fail(*section_.Find("cors"), "is not used: there is no `cors` that names origins");
    }
  }

  void ReadErrors() {
    ReadErrorPages(section_, route_.error_pages);
    section_.Bool("intercept_errors", route_.intercept_errors);
    if (route_.intercept_errors && section_.Find("error_pages") == nullptr) {
      reader_.Fail(*section_.Find("intercept_errors"), "is not used without error_pages");
    }
  }

  Section& section_;
  Reader& reader_;
  const Config& config_;
  Route route_;
};

}  // namespace

void ReadRoutes(Reader& reader, const Value& routes, Config& config) {
  Claims places;
  Claims names;
  reader.List(routes, [&](const Value& item) {
    reader.Map(item, [&](Section& section) {
      config.routes.push_back(RouteReader(section, config).Read(places, names));
    });
  });
}

}  // namespace sluice::config
