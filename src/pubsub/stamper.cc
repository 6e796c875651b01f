#include "sluice/pubsub/stamper.h"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include "pubsub/json_reader.h"
#include "sluice/base/json_string.h"

namespace sluice::pubsub {
namespace {

constexpr std::string_view kSpace = " \t\n\r";

// As JavaScript's Date.prototype.toISOString writes it.
std::string Iso8601(uint64_t wall_ms) {
  const auto seconds = static_cast<time_t>(wall_ms / 1000);
  tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     wall_ms % 1000);
}

std::string ValueText(config::StampValue value, uint64_t wall_ms) {
  switch (value) {
    case config::StampValue::kUnixMs:
      return fmt::format("{}", wall_ms);
    case config::StampValue::kIso8601:
      break;
  }
  return fmt::format("\"{}\"", Iso8601(wall_ms));
}

// Replaces `size` bytes of the body at `at`.
struct Edit {
  size_t at;
  size_t size;
  std::string text;
};

}  // namespace

Stamper::Stamper() : reader_(std::make_unique<JsonReader>()) {}
Stamper::~Stamper() = default;

Result<std::string> Stamper::Stamp(const std::vector<config::Stamp>& stamps, std::string_view body,
                                   uint64_t wall_ms) {
  std::vector<std::string> names;
  names.reserve(stamps.size());
  for (const config::Stamp& stamp : stamps) names.push_back(stamp.member);
  std::vector<JsonMember> members(names.size());
  const auto kind = reader_->Read(body, names, members);
  if (!kind) return Fail(Errc::kInvalid, fmt::format("the body {}", kind.error().message));
  if (*kind != JsonKind::kObject) return Fail(Errc::kInvalid, "the body is not a JSON object");

  std::string first;
  std::vector<Edit> edits;
  for (size_t i = 0; i < members.size(); ++i) {
    if (members[i].repeated) {
      return Fail(Errc::kInvalid,
                  fmt::format("the body has the member \"{}\" more than once", names[i]));
    }
    std::string value = ValueText(stamps[i].value, wall_ms);
    if (members[i].kind != JsonKind::kMissing) {
      edits.push_back({members[i].at, members[i].raw.size(), std::move(value)});
      continue;
    }
    AppendJsonString(first, names[i]);
    first += ':';
    first += value;
    first += ',';
  }
  const size_t inside = body.find('{') + 1;
  const bool empty = body[body.find_first_not_of(kSpace, inside)] == '}';
  if (empty && !first.empty()) first.pop_back();
  edits.push_back({inside, 0, std::move(first)});
  std::sort(edits.begin(), edits.end(), [](const Edit& a, const Edit& b) { return a.at < b.at; });

  std::string stamped;
  size_t done = 0;
  for (const Edit& edit : edits) {
    stamped += body.substr(done, edit.at - done);
    stamped += edit.text;
    done = edit.at + edit.size;
  }
  stamped += body.substr(done);
  return stamped;
}

}  // namespace sluice::pubsub
