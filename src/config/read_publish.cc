#include "config/read_publish.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/names.h"
#include "config/read_auth.h"
#include "config/read_path.h"
#include "sluice/base/utf8.h"

namespace sluice::config {
namespace {

constexpr size_t kMaxStamps = 4;
constexpr size_t kMaxMemberBytes = 64;  // the name of a member of a JSON object

std::string FormatParameters(const std::vector<std::string>& names) {
  if (names.empty()) return "no parameter";
  return fmt::format("{{{}}}", fmt::join(names, "}, {"));
}

// Where the messages go: {topic} in the path, or the topic of that name, whose parameters are then
// the path's.
void ReadPublishTopic(Section& section, const std::optional<Template>& path,
                      const std::vector<Topic>& topics, Publish& entry) {
  Reader& reader = section.reader();
  const Value* value = section.Find("topic");
  if (value == nullptr) {
    if (path && path->parameters != std::vector<std::string>{"topic"}) {
      reader.FailQuoting(*section.Find("path"),
                         "must have {topic}, and no other parameter; or add \"topic: NAME\"");
    }
    return;
  }
  const Topic* topic = FindNamed(reader, *value, topics, "a topic under `topics`");
  if (topic == nullptr) return;
  if (topic->source == Source::kMetrics) {
    return reader.FailQuoting(*value, "has \"source: metrics\": the gateway alone publishes on it");
  }
  if (topic->source == Source::kUpstream) {
    return reader.FailQuoting(*value,
                              "has \"source: upstream\": the upstream alone publishes on it");
  }
  entry.topic = topic->name;
  const auto wanted = ParsePath(topic->path);
  if (!path || !wanted) return;  // a failure already
  if (!SameParameters(*path, *wanted)) {
    reader.FailQuoting(
        *section.Find("path"),
        fmt::format("has {}, but topics.{}.path has {}", FormatParameters(path->parameters),
                    topic->name, FormatParameters(wanted->parameters)));
  }
}

void ReadStamp(Section& section, Publish& entry) {
  const Value* value = section.Find("stamp");
  if (value == nullptr) return;
  Reader& reader = section.reader();
  reader.Names(*value, [&](const std::string& member, const Value& item) {
    if (member.empty() || member.size() > kMaxMemberBytes || !IsValidUtf8(member)) {
      return reader.FailAtKey(
          item, fmt::format("a member's name is 1 to {} bytes of UTF-8", kMaxMemberBytes));
    }
    const std::optional<size_t> choice = reader.Choice(item, {"unix_ms", "iso8601"});
    if (!choice) return;
    entry.stamp.push_back({member, *choice == 0 ? StampValue::kUnixMs : StampValue::kIso8601});
  });
  if (entry.stamp.size() > kMaxStamps) {
    reader.Fail(*value,
                fmt::format("has {} members; {} is the most", entry.stamp.size(), kMaxStamps));
  }
}

}  // namespace

void ReadPublish(Reader& reader, const Value& publish, Claims& paths, Config& config) {
  reader.List(publish, [&](const Value& item) {
    reader.Map(item, [&](Section& section) {
      Publish entry;
      const std::optional<Template> path = ReadPath(section, entry.path);
      if (path) {
        paths.Claim(reader, *section.Find("path"), path->shape, "this path is that");
      }
      ReadPublishTopic(section, path, config.topics, entry);
      ReadStamp(section, entry);
      const Value* auth =
          section.Require("auth", "; \"auth: none\" lets everyone who can connect publish");
      if (auth != nullptr) {
        entry.auth = ReadSchemeName(reader, *auth, config.auth).value_or("");
      }
      config.publish.push_back(std::move(entry));
    });
  });
}

}  // namespace sluice::config
