// Where `sluice publish` sends an event. Pure functions, any thread.
#pragma once

#include <string_view>

#include "cli/http_url.h"
#include "sluice/base/result.h"
#include "sluice/config/config.h"

namespace sluice::cli {

// `text` is a URL with {topic} in it, or a server's base, whose path is then /publish/{topic}. The
// topic's name is percent-encoded.
[[nodiscard]] Result<HttpUrl> PublishUrl(std::string_view text, std::string_view topic);

// On the configuration's first listener, by the path that is for this topic alone, else by the
// first one with {topic}. `entry` points into the configuration.
struct ConfiguredPublish {
  HttpUrl url;
  const config::Publish* entry = nullptr;
};
[[nodiscard]] Result<ConfiguredPublish> PublishUrl(const config::Config& config,
                                                   std::string_view topic);

// Adds ?name=value, encoded, if the value is not empty.
void AddQuery(HttpUrl& url, std::string_view name, std::string_view value);

}  // namespace sluice::cli
