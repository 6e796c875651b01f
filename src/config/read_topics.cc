#include "config/read_topics.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "config/names.h"
#include "config/read_auth.h"
#include "config/read_auth_request.h"
#include "config/read_limits.h"
#include "config/read_path.h"
#include "config/read_source.h"

namespace sluice::config {
namespace {

constexpr size_t kMaxFilters = 4;
constexpr size_t kMaxFieldBytes = 64;  // the name of a member of a JSON object
constexpr size_t kMaxGreetingBytes = 4096;
constexpr uint64_t kMiB = uint64_t{1024} * 1024;
constexpr uint64_t kGiB = 1024 * kMiB;
constexpr uint64_t kHour = 3'600'000;

// The query parameters of a subscription that are not filters.
constexpr std::array<std::string_view, 5> kReservedQuery = {"lastEventId", "last_event_id",
                                                            "Last-Event-ID", "topic", "token"};

void ReadChannel(Section& section, const std::optional<Template>& path, Claims& channels,
                 const Value& map, Topic& topic) {
  Reader& reader = section.reader();
  const bool is_pattern = path && !path->parameters.empty();
  const Value* value = is_pattern ? section.Require("channel",
                                                    "; the path has parameters, so it "
                                                    "must say where they go")
                                  : section.Find("channel");
  if (value == nullptr) {
    topic.channel = topic.name;
    if (!is_pattern) channels.Claim(reader, map, topic.name, "its channel (the name) is that");
    return;
  }
  const std::optional<std::string> text = reader.Text(*value);
  if (!text) return;
  const tl::expected<Template, std::string> parsed = ParseChannel(*text);
  if (!parsed) return reader.FailQuoting(*value, parsed.error());
  topic.channel = *text;
  if (path) {
    if (!SameParameters(*path, *parsed)) {
      reader.FailQuoting(*value, is_pattern ? "must use the parameters of the path, each once"
                                            : "has parameters, but the path has none");
      return;
    }
  }
  channels.Claim(reader, *value, parsed->shape, "this channel is that");
}

void ReadFilter(Section& section, Topic& topic) {
  Reader& reader = section.reader();
  const Value* value = section.Find("filter");
  if (value == nullptr) return;
  reader.List(*value, [&](const Value& item) {
    const std::optional<std::string> field = reader.Text(item);
    if (!field) return;
    if (field->empty() || field->size() > kMaxFieldBytes) {
      return reader.FailQuoting(item, fmt::format("is not 1 to {} bytes long", kMaxFieldBytes));
    }
    if (std::find(kReservedQuery.begin(), kReservedQuery.end(), *field) != kReservedQuery.end()) {
      return reader.FailQuoting(item, "has a meaning of its own in the query of a subscription");
    }
    if (std::find(topic.filter.begin(), topic.filter.end(), *field) != topic.filter.end()) {
      return reader.FailQuoting(item, "is in the list already");
    }
    topic.filter.push_back(*field);
  });
  if (topic.filter.size() > kMaxFilters) {
    reader.Fail(*value,
                fmt::format("has {} fields; {} is the most", topic.filter.size(), kMaxFilters));
  }
  if (!topic.filter.empty() && topic.format == Format::kText) {
    reader.Fail(*value, "needs \"format: json\" or \"format: envelope\"; plain text has no fields");
  }
}

void ReadReplay(Section& section, Topic& topic) {
  section.Map("replay", [&](Section& replay) {
    replay.Count("initial", topic.replay_initial, {0, 10'000'000});
    const Value* initial = replay.Find("initial");
    if (initial != nullptr && topic.replay_initial > topic.history.events) {
      replay.reader().Fail(*initial, fmt::format("{} events cannot be replayed when "
                                                 "history.events keeps {}",
                                                 topic.replay_initial, topic.history.events));
    }
  });
}

void ReadGreeting(Section& section, Topic& topic) {
  const Value* value = section.Find("greeting");
  if (value == nullptr) return;
  topic.greeting = section.reader().Text(*value).value_or("");
  if (topic.greeting.size() > kMaxGreetingBytes) {
    section.reader().Fail(*value, fmt::format("has {} bytes; {} is the most", topic.greeting.size(),
                                              kMaxGreetingBytes));
  }
}

void ReadTopicAuth(Section& section, const Config& config, Topic& topic) {
  const Value* value = section.Find("auth");
  if (value == nullptr) return;
  Reader& reader = section.reader();
  ReadAuthChoice(reader, *value, config, topic.auth, topic.auth_request);
  if (topic.auth_request && !topic.auth_request->copy.empty()) {
    reader.Fail(*value, "copies fields of the answer, but a topic has no upstream to copy them to");
  }
  const Value* filter = section.Find("filter");
  if (filter == nullptr || topic.auth.empty()) return;
  for (const AuthScheme& scheme : config.auth) {
    if (scheme.name != topic.auth) continue;
    for (const TokenPlace& place : scheme.places) {
      const bool is_filter =
          place.kind == TokenPlace::Kind::kQuery &&
          std::find(topic.filter.begin(), topic.filter.end(), place.name) != topic.filter.end();
      if (is_filter) {
        reader.Fail(*filter, fmt::format("has \"{}\", where auth.{} looks for a token", place.name,
                                         scheme.name));
      }
    }
  }
}

void ReadTopic(Section& section, const Value& map, Claims& paths, Claims& channels,
               const Config& config, Topic& topic) {
  const std::optional<Template> path = ReadPath(section, topic.path);
  if (path) paths.Claim(section.reader(), *section.Find("path"), path->shape, "this path is that");
  ReadChannel(section, path, channels, map, topic);
  section.Choice<Format>(
      "format", topic.format,
      {{"text", Format::kText}, {"envelope", Format::kEnvelope}, {"json", Format::kJson}});
  ReadSource(section, path, config, topic);
  section.Map("history", [&](Section& history) {
    history.Count("events", topic.history.events, {1, 10'000'000});
    history.Size("bytes", topic.history.bytes, {1, 64 * kGiB});
    history.Duration("age", topic.history.age_ms, {1, 8760 * kHour});
  });
  ReadReplay(section, topic);
  ReadGreeting(section, topic);
  ReadFilter(section, topic);
  ReadTopicAuth(section, config, topic);
  section.Bool("internal", topic.internal);
  section.Duration("heartbeat", topic.heartbeat_ms, {1'000, kHour});
  section.Map("retry", [&](Section& retry) {
    retry.Duration("base", topic.retry_base_ms, {1, kHour});
    retry.Duration("jitter", topic.retry_jitter_ms, {0, kHour});
  });
  section.Map("slow_client", [&](Section& slow) {
    slow.Choice<SlowPolicy>("policy", topic.slow_policy,
                            {{"disconnect", SlowPolicy::kDisconnect},
                             {"skip", SlowPolicy::kSkip},
                             {"latest", SlowPolicy::kLatest}});
    slow.Size("buffer", topic.slow_buffer_bytes, {1, kGiB});
  });
  section.Map("limits", [&](Section& limits) {
    limits.Count("subscribers", topic.max_subscribers, {1, 10'000'000});
    limits.Count("topics", topic.max_topics, {1, 1'000'000});
    ReadRateLimits(limits, !topic.auth.empty(), topic.limits);
  });
  section.Duration("linger", topic.linger_ms, {0, 24 * kHour});
  section.Duration("subscribe_timeout", topic.subscribe_timeout_ms, {1, kHour});
}

}  // namespace

void ReadTopics(Reader& reader, const Value& topics, Claims& paths, Claims& channels,
                Config& config) {
  reader.Names(topics, [&](const std::string& name, const Value& value) {
    if (!IsName(name)) reader.FailAtKey(value, NameRule("a topic's"));
    Topic topic;
    topic.name = name;
    reader.Map(value, [&](Section& section) {
      ReadTopic(section, value, paths, channels, config, topic);
    });
    config.topics.push_back(std::move(topic));
  });
}

void AddDemoTopic(Reader& reader, const Value& demo, Claims& paths, Claims& channels,
                  std::vector<Topic>& out) {
  Topic topic;
  topic.name = topic.channel = kDemoTopic;
  topic.path = kDemoTopicPath;
  topic.source = Source::kMetrics;
  topic.format = Format::kJson;
  topic.replay_initial = 150;  // the last five minutes, for the page's graphs
  topic.history.events = 300;
  topic.retry_base_ms = 1'000;  // one page, not a crowd
  topic.retry_jitter_ms = 1'000;
  const bool taken = std::any_of(out.begin(), out.end(),
                                 [&](const Topic& other) { return other.name == topic.name; });
  if (taken) {
    reader.Fail(demo, fmt::format("it has a topic named {}, and so has `topics`", topic.name));
    return;
  }
  paths.Claim(reader, demo, topic.path, "it has a topic at the path");
  channels.Claim(reader, demo, topic.channel, "it has a topic with the channel");
  out.push_back(std::move(topic));
}

}  // namespace sluice::config
