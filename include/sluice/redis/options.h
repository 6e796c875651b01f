// How to reach Redis and what it may cost. A plain value, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "sluice/net/address.h"

namespace sluice::redis {

struct Options {
  net::Endpoint endpoint{.host = "127.0.0.1", .port = 6379, .unix_path = {}};
  std::string user;      // ACL user (Redis 6 and later); empty: the default user
  std::string password;  // empty: no AUTH
  uint32_t database = 0;

  // Behaviour.
  uint64_t connect_timeout_ms = 2'000;  // to connect, then to log in, then between answers
  uint64_t probe_interval_ms = 1'000;   // no beat for max(3 x this, 1 s): link lost
  uint64_t backoff_max_ms = 5'000;      // longest wait between two attempts
  uint64_t publish_timeout_ms = 5'000;  // until Publish fails with kTimeout

  // Limits.
  size_t max_message_bytes = 1024UL * 1024;       // over it: OnOversized instead of OnMessage
  size_t max_reply_bytes = 65UL * 1024 * 1024;    // over it: link dropped; >= the above
  size_t max_pending_bytes = 16UL * 1024 * 1024;  // unanswered commands; over it: Publish fails
};

}  // namespace sluice::redis
