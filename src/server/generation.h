// One configuration and what is made of it: what the threads go by from its load until the next
// reload. A request keeps the generation that it began under, so it never sees half of another.
// Immutable, any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/cors.h"
#include "server/limiter.h"
#include "server/topic_ledger.h"
#include "sluice/auth/schemes.h"
#include "sluice/base/result.h"
#include "sluice/config/config.h"
#include "sluice/proxy/forward_request.h"
#include "sluice/proxy/upstream_state.h"
#include "sluice/pubsub/catalog.h"
#include "sluice/routing/router.h"

namespace sluice::server {

class Generation final : public pubsub::Catalog {
 public:
  // Topics that are as they were in `before` are the same entries, and upstreams have the same
  // state. Main thread; `ledger` outlives this.
  Generation(config::ConfigPtr config, TopicLedger& ledger, const Generation* before);
  // What only shows when it is made: certificates and keys of upstreams.
  [[nodiscard]] Result<> Check() const;

  [[nodiscard]] const config::Config& config() const { return *config_; }
  [[nodiscard]] const config::ConfigPtr& shared_config() const { return config_; }
  [[nodiscard]] const routing::Router& router() const { return router_; }
  [[nodiscard]] const auth::Schemes& schemes() const { return schemes_; }
  [[nodiscard]] const Cors& cors() const { return cors_; }
  [[nodiscard]] const ProcessLimits& client_limits() const { return client_limits_; }
  // By index in Config::upstreams.
  [[nodiscard]] const proxy::UpstreamStates& upstreams() const { return upstreams_; }
  // Where the tokens of all schemes are: what strip_tokens takes out.
  [[nodiscard]] const proxy::TokenNames& token_names() const { return token_names_; }
  [[nodiscard]] const std::string& demo_page() const { return demo_page_; }

  // By index in Config::topics.
  [[nodiscard]] const std::vector<pubsub::TopicEntryPtr>& topics() const { return topics_; }
  // The event that each client of a topic gets before any other, as it is on the stream; empty if
  // there is none.
  [[nodiscard]] std::string_view greeting(uint32_t topic) const { return greetings_[topic]; }

  // pubsub::Catalog
  [[nodiscard]] pubsub::TopicEntryPtr Find(std::string_view channel) const override;
  [[nodiscard]] const config::Limits& limits() const override { return config_->limits; }

 private:
  config::ConfigPtr config_;
  routing::Router router_;
  auth::Schemes schemes_;
  Cors cors_;
  ProcessLimits client_limits_;
  proxy::UpstreamStates upstreams_;
  std::vector<pubsub::TopicEntryPtr> topics_;
  std::vector<std::string> greetings_;
  std::string demo_page_;
  proxy::TokenNames token_names_;
};

using GenerationPtr = std::shared_ptr<const Generation>;

}  // namespace sluice::server
