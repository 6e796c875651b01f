#include "cli/publish_url.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "sluice/http/query.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kTopic = "{topic}";

std::string FillTopic(std::string_view path, std::string_view topic) {
  std::string out(path);
  const size_t at = out.find(kTopic);
  if (at != std::string::npos) out.replace(at, kTopic.size(), http::EncodeQuery(topic));
  return out;
}

}  // namespace

Result<HttpUrl> PublishUrl(std::string_view text, std::string_view topic) {
  if (text.find(kTopic) != std::string_view::npos) return ParseHttpUrl(FillTopic(text, topic));
  auto url = ParseHttpUrl(text);
  if (!url) return url;
  if (url->target != "/") {
    return Fail(Errc::kInvalid,
                "--url: a URL with a path needs {topic} in it, such as "
                "http://127.0.0.1:8080/publish/{topic}");
  }
  url->target = FillTopic("/publish/{topic}", topic);
  return url;
}

Result<ConfiguredPublish> PublishUrl(const config::Config& config, std::string_view topic) {
  const auto own = std::find_if(config.publish.begin(), config.publish.end(),
                                [topic](const auto& entry) { return entry.topic == topic; });
  const auto any =
      std::find_if(config.publish.begin(), config.publish.end(),
                   [](const auto& entry) { return entry.path.find(kTopic) != std::string::npos; });
  // A path with parameters of its own cannot be filled in from a topic's name.
  const bool use_own = own != config.publish.end() && own->path.find('{') == std::string::npos;
  if (!use_own && any == config.publish.end()) {
    return Fail(Errc::kNotFound,
                fmt::format("the configuration has no publish path for {}: add one under "
                            "`publish:`, or name a gateway that has one with --url",
                            topic));
  }
  const net::Endpoint& endpoint = config.listen.front().endpoint;
  if (!endpoint.is_unix() && endpoint.port == 0) {
    return Fail(Errc::kNotFound,
                "the configuration lets the kernel choose the port (port 0); say with --url where "
                "the gateway listens");
  }
  ConfiguredPublish publish;
  publish.entry = use_own ? &*own : &*any;
  publish.url = UrlOf(endpoint);
  publish.url.target = FillTopic(publish.entry->path, topic);
  return publish;
}

void AddQuery(HttpUrl& url, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  url.target += url.target.find('?') == std::string::npos ? '?' : '&';
  url.target += fmt::format("{}={}", http::EncodeQuery(name), http::EncodeQuery(value));
}

}  // namespace sluice::cli
