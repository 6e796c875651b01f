#include "server/demo_page.h"

#include <nlohmann/json.hpp>

#include "server/pages.h"

namespace sluice::server {
namespace {

// Where everyone may publish on this topic, or empty: its own path, or "/publish/{topic}" with its
// channel.
std::string PublishPath(const config::Config& config, const config::Topic& topic) {
  constexpr std::string_view kParameter = "{topic}";
  for (const config::Publish& publish : config.publish) {
    if (!publish.auth.empty()) continue;
    if (publish.topic == topic.name) return publish.path;
    const size_t at = publish.path.find(kParameter);
    if (!publish.topic.empty() || at == std::string::npos) continue;
    std::string path = publish.path;
    return path.replace(at, kParameter.size(), topic.channel);
  }
  return {};
}

}  // namespace

std::string DemoPage(const config::Config& config) {
  nlohmann::json topics = nlohmann::json::array();
  for (const config::Topic& topic : config.topics) {
    const bool exact = topic.path.find('{') == std::string::npos;
    const bool open = topic.auth.empty();  // the page has no token
    if (!exact || !open || topic.source != config::Source::kPubSub) continue;
    topics.push_back({{"name", topic.name},
                      {"path", topic.path},
                      {"publish", PublishPath(config, topic)},
                      {"json", topic.format == config::Format::kJson}});
  }
  const bool status = config.admin && !config.admin->is_unix() && config.admin->port != 0;
  const nlohmann::json data = {
      {"metrics", config::kDemoTopicPath},
      {"topics", topics},
      {"status", status ? "http://" + config.admin->ToString() + "/status" : ""}};
  return FillPage(kDemoPage, data.dump());
}

}  // namespace sluice::server
