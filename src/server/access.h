// Who may do what: asks a route's scheme, and answers those who may not (contract, "Subscribing").
// One a worker; its thread only, but for stats().
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/generation.h"
#include "sluice/auth/failure_limiter.h"
#include "sluice/auth/schemes.h"
#include "sluice/auth/spent_tokens.h"
#include "sluice/base/counter.h"
#include "sluice/config/config.h"
#include "sluice/server/exchange.h"

namespace sluice::server {

// What all workers know of bad tokens.
struct TokenMemory {
  explicit TokenMemory(uint32_t failures_per_minute) : failures(failures_per_minute) {}
  auth::FailureLimiter failures;
  auth::SpentTokens spent;
};

using AuthStats = std::array<Counter, auth::kDenialNames.size()>;  // by Denial

class Access {
 public:
  Access(GenerationPtr generation, TokenMemory& memory)
      : generation_(std::move(generation)), memory_(memory) {}

  // After a reload.
  void SetGeneration(GenerationPtr generation) { generation_ = std::move(generation); }

  // Whose request it is, or null: then it was answered. An empty `scheme` lets everyone in; others
  // are of the present generation. `topic` is what a token's patterns are matched against.
  [[nodiscard]] std::optional<auth::Identity> Admit(Exchange& exchange, std::string_view scheme,
                                                    auth::Right right, std::string_view topic);

  // Remembers that the token expired while its stream was open.
  void MarkSpent(uint64_t fingerprint) { memory_.spent.Add(fingerprint); }

  [[nodiscard]] const AuthStats& stats() const { return stats_; }  // any thread

 private:
  [[nodiscard]] std::optional<auth::Denial> Judge(const auth::Verdict& verdict,
                                                  const http::Request& request, auth::Right right,
                                                  std::string_view topic, uint64_t now_ms);
  [[nodiscard]] bool ComesFromElsewhere(const http::Request& request) const;
  void Refuse(Exchange& exchange, auth::Denial denial);

  GenerationPtr generation_;
  TokenMemory& memory_;
  AuthStats stats_;
};

// The id that a client resumes from: the header, else one of the query's names; empty: none.
[[nodiscard]] std::string LastEventId(const http::Request& request);

}  // namespace sluice::server
