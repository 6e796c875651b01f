#include "sluice/pubsub/catalog.h"

namespace sluice::pubsub {

TopicChange ChangeOf(const TopicEntryPtr& before, const TopicEntryPtr& after) {
  if (before == after) return TopicChange::kNone;
  if (before == nullptr || after == nullptr) return TopicChange::kIdentity;
  return ChangeOf(before->config, after->config);
}

TopicChange ChangeOf(const config::Topic& before, const config::Topic& after) {
  if (before == after) return TopicChange::kNone;
  // What is not named here makes other events.
  config::Topic same = before;
  same.path = after.path;
  same.interval_ms = after.interval_ms;
  same.format = after.format;
  same.history = after.history;
  same.replay_initial = after.replay_initial;
  same.greeting = after.greeting;
  same.heartbeat_ms = after.heartbeat_ms;
  same.retry_base_ms = after.retry_base_ms;
  same.retry_jitter_ms = after.retry_jitter_ms;
  same.slow_policy = after.slow_policy;
  same.slow_buffer_bytes = after.slow_buffer_bytes;
  same.max_subscribers = after.max_subscribers;
  same.max_topics = after.max_topics;
  same.limits = after.limits;
  same.linger_ms = after.linger_ms;
  same.subscribe_timeout_ms = after.subscribe_timeout_ms;
  // Whoever is in stays in when the doors open, and only then.
  if (after.auth.empty() && !after.auth_request) {
    same.auth.clear();
    same.auth_request.reset();
  }
  if (!after.internal) same.internal = false;
  if (same == after) return TopicChange::kSettings;
  same.auth = after.auth;
  same.auth_request = after.auth_request;
  same.internal = after.internal;
  return same == after ? TopicChange::kAccess : TopicChange::kIdentity;
}

}  // namespace sluice::pubsub
