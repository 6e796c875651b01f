#include "server/generation.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "server/demo_page.h"
#include "sluice/sse/encoder.h"

namespace sluice::server {
namespace {

pubsub::TopicEntryPtr EntryFor(const config::Topic& topic, TopicLedger& ledger,
                               const Generation* before) {
  if (before != nullptr) {
    const auto same = std::find_if(before->topics().begin(), before->topics().end(),
                                   [&topic](const auto& entry) { return entry->config == topic; });
    if (same != before->topics().end()) return *same;
  }
  return std::make_shared<const pubsub::TopicEntry>(
      pubsub::TopicEntry{topic, ledger.Of(topic.name)});
}

std::string EncodeGreeting(const config::Topic& topic) {
  std::string bytes;
  if (topic.greeting.empty()) return bytes;
  const auto done =
      sse::AppendEvent(bytes, {.name = {}, .data = topic.greeting, .retry_ms = std::nullopt});
  assert(done.has_value());
  static_cast<void>(done);
  return bytes;
}

void AddPlaces(const config::AuthScheme& scheme, proxy::TokenNames& names) {
  for (const config::TokenPlace& place : scheme.places) {
    switch (place.kind) {
      case config::TokenPlace::Kind::kQuery:
        names.parameters.push_back(place.name);
        break;
      case config::TokenPlace::Kind::kCookie:
        names.cookies.push_back(place.name);
        break;
      case config::TokenPlace::Kind::kBearer:
        names.authorization = true;
        break;
    }
  }
}

}  // namespace

Generation::Generation(config::ConfigPtr config, TopicLedger& ledger, const Generation* before)
    : config_(std::move(config)),
      router_(config_),
      schemes_(config_->auth),
      cors_(config_->cors),
      client_limits_(*config_, before != nullptr ? &before->client_limits() : nullptr),
      upstreams_(proxy::MakeUpstreamStates(
          config_->upstreams, before != nullptr ? before->upstreams() : proxy::UpstreamStates())),
      demo_page_(config_->demo ? DemoPage(*config_) : std::string()) {
  for (const config::AuthScheme& scheme : config_->auth) AddPlaces(scheme, token_names_);
  for (const config::Topic& topic : config_->topics) {
    topics_.push_back(EntryFor(topic, ledger, before));
    greetings_.push_back(EncodeGreeting(topic));
  }
}

Result<> Generation::Check() const {
  for (const auto& upstream : upstreams_) {
    const config::Upstream& config = upstream->config();
    if (!config.tls || upstream->tls()) continue;
    const Error& error = upstream->tls().error();
    return Fail(error.code, fmt::format("upstreams.{}.tls: {}", config.name, error.message));
  }
  return {};
}

pubsub::TopicEntryPtr Generation::Find(std::string_view channel) const {
  const auto index = router_.TopicOf(channel);
  return index ? topics_[*index] : nullptr;
}

}  // namespace sluice::server
