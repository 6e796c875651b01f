#include "config/read_auth_request.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "config/names.h"
#include "config/read_auth.h"
#include "config/read_headers.h"
#include "config/read_path.h"

namespace sluice::config {
namespace {

constexpr uint64_t kHour = 3'600'000;
constexpr size_t kMaxCacheKeys = 4;
constexpr std::string_view kCookie = "cookie:";
constexpr std::string_view kHeader = "header:";

// "cookie:session", "header:Authorization". Names of fields in lower case.
std::optional<std::string> ReadCacheKey(Reader& reader, const Value& value) {
  std::optional<std::string> text = reader.Text(value);
  if (!text) return std::nullopt;
  if (text->starts_with(kCookie) && IsToken(std::string_view(*text).substr(kCookie.size()))) {
    return text;
  }
  if (text->starts_with(kHeader) && IsToken(std::string_view(*text).substr(kHeader.size()))) {
    return LowerCase(*text);
  }
  reader.FailQuoting(value, "is neither cookie:NAME nor header:NAME");
  return std::nullopt;
}

void ReadCache(Section& section, AuthRequest& out) {
  Reader& reader = section.reader();
  section.Duration("cache", out.cache_ms, {0, kHour});
  const Value* keys = section.Find("cache_key");
  if (keys != nullptr) {
    reader.List(*keys, [&](const Value& item) {
      std::optional<std::string> key = ReadCacheKey(reader, item);
      if (!key) return;
      if (std::find(out.cache_key.begin(), out.cache_key.end(), *key) != out.cache_key.end()) {
        return reader.FailQuoting(item, "is in the list already");
      }
      out.cache_key.push_back(std::move(*key));
    });
    if (keys->node->entries.size() > kMaxCacheKeys) {
      reader.Fail(*keys, fmt::format("has {} entries; {} is the most", keys->node->entries.size(),
                                     kMaxCacheKeys));
    }
  }
  const bool any_key = keys != nullptr && !keys->node->entries.empty();
  if (out.cache_ms > 0 && !any_key) {
    reader.Fail(*section.Find("cache"),
                "needs cache_key, which says what tells one person's requests from another's, such "
                "as [\"cookie:session\", \"header:authorization\"]");
  }
  if (out.cache_ms == 0 && any_key) reader.Fail(*keys, "is not used without cache");
}

void ReadAuthRequest(Reader& reader, const Value& value, const Config& config, AuthRequest& out) {
  reader.Map(value, [&](Section& section) {
    const Value* upstream = section.Require("upstream");
    if (upstream != nullptr) {
      const Upstream* found =
          FindNamed(reader, *upstream, config.upstreams, "an upstream under `upstreams`");
      if (found != nullptr) out.upstream = found->name;
    }
    ReadTarget(reader, section.Require("path", "; say what to ask for, such as /auth"), out.path);
    const Value* copy = section.Find("copy");
    if (copy != nullptr) ReadFieldNames(reader, *copy, out.copy);
    ReadCache(section, out);
  });
}

}  // namespace

void ReadAuthChoice(Reader& reader, const Value& value, const Config& config, std::string& scheme,
                    std::optional<AuthRequest>& request) {
  if (value.node->kind != YamlNode::Kind::kMap) {
    scheme = ReadSchemeName(reader, value, config.auth).value_or("");
    return;
  }
  reader.Map(value, [&](Section& section) {
    const Value* asked = section.Require("request", "; or write the name of a scheme, or none");
    if (asked != nullptr) ReadAuthRequest(reader, *asked, config, request.emplace());
  });
}

}  // namespace sluice::config
