#include "config/read_source.h"

#include <string_view>

#include <fmt/format.h>

#include "config/names.h"
#include "config/read_host.h"
#include "config/read_path.h"

namespace sluice::config {
namespace {

constexpr uint64_t kHour = 3'600'000;

std::string_view NameOf(Source source) {
  return source == Source::kMetrics ? "metrics" : "upstream";
}

// Keys that belong to one source are mistakes with another.
void RefuseKeysOf(Source source, Section& section, const std::vector<std::string_view>& keys) {
  for (const std::string_view key : keys) {
    const Value* value = section.Find(key);
    if (value == nullptr) continue;
    section.reader().Fail(*value,
                          fmt::format("is not used without \"source: {}\"", NameOf(source)));
  }
}

void RefuseEnvelope(Section& section, const Topic& topic) {
  if (topic.format != Format::kEnvelope) return;
  section.reader().Fail(
      *section.Find("format"),
      fmt::format("must be text or json with \"source: {}\"", NameOf(topic.source)));
}

void CheckMetrics(Section& section, const std::optional<Template>& path, const Topic& topic) {
  Reader& reader = section.reader();
  if (path && !path->parameters.empty()) {
    reader.Fail(*section.Find("source"),
                "metrics are those of this process: the path cannot have parameters");
  }
  const Value* channel = section.Find("channel");
  if (channel != nullptr) {
    reader.Fail(*channel, "is not used with \"source: metrics\", which no broker carries");
  }
  RefuseEnvelope(section, topic);
}

void ReadUpstreamPath(Section& section, const std::optional<Template>& path, Topic& topic) {
  topic.upstream_path = topic.path;
  const Value* value = section.Find("upstream_path");
  if (value == nullptr) return;
  Reader& reader = section.reader();
  ReadTarget(reader, value, topic.upstream_path);
  const auto parsed = ParseChannel(topic.upstream_path);
  if (!parsed) return reader.FailQuoting(*value, parsed.error());
  if (path && !SameParameters(*path, *parsed)) {
    reader.FailQuoting(*value, path->parameters.empty()
                                   ? "has parameters, but the path has none"
                                   : "must use the parameters of the path, each once");
  }
}

void ReadUpstream(Section& section, const std::optional<Template>& path, const Config& config,
                  Topic& topic) {
  const Value* name = section.Require("upstream", "; name one under `upstreams`");
  if (name != nullptr) {
    const Upstream* found =
        FindNamed(section.reader(), *name, config.upstreams, "an upstream under `upstreams`");
    if (found != nullptr) topic.upstream = found->name;
  }
  ReadUpstreamPath(section, path, topic);
  ReadAuthority(section, "upstream_host", topic.upstream_host);
  section.Bool("upstream_resumes", topic.upstream_resumes);
  RefuseEnvelope(section, topic);
}

}  // namespace

void ReadSource(Section& section, const std::optional<Template>& path, const Config& config,
                Topic& topic) {
  section.Choice<Source>("source", topic.source,
                         {{"pubsub", Source::kPubSub},
                          {"metrics", Source::kMetrics},
                          {"upstream", Source::kUpstream}});
  section.Duration("interval", topic.interval_ms, {100, kHour});
  if (topic.source != Source::kMetrics) RefuseKeysOf(Source::kMetrics, section, {"interval"});
  if (topic.source == Source::kMetrics) CheckMetrics(section, path, topic);
  if (topic.source == Source::kUpstream) {
    ReadUpstream(section, path, config, topic);
  } else {
    RefuseKeysOf(Source::kUpstream, section,
                 {"upstream", "upstream_path", "upstream_host", "upstream_resumes"});
  }
}

}  // namespace sluice::config
