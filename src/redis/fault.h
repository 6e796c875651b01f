// Why a connection to Redis is of no use, and what its user can do about it. Immutable values, any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::redis {

enum class Cause : uint8_t {
  kConnect,        // refused, not resolved, or no answer to the connect
  kClosed,         // Redis closed it
  kLost,           // the network broke it
  kSilent,         // connected, but answers or messages do not come in time
  kProtocol,       // what answers is not Redis
  kTooLarge,       // a reply over max_reply_bytes
  kLoading,        // LOADING: Redis reads its data from disk
  kNoAuth,         // NOAUTH: a password is needed
  kWrongPassword,  // WRONGPASS, or AUTH refused
  kNoPermission,   // NOPERM: the ACL user may not do this
  kReplica,        // READONLY, MASTERDOWN
  kClientLimit,    // maxclients of Redis is reached
  kProtectedMode,  // DENIED: protected mode
  kRefused,        // any other error reply
};

struct Fault {
  Cause cause = Cause::kLost;
  std::string what;  // one line without secrets

  // What to do about it; empty if `what` says it all.
  [[nodiscard]] std::string_view advice() const;
};

// The fault that an error reply ("WRONGPASS invalid username-password pair") tells of. `doing`
// names the command: "AUTH", "SUBSCRIBE news".
[[nodiscard]] Fault FaultFromReply(std::string_view doing, std::string_view error);

// The same for AUTH, where Redis may quote the password: only the known part of the error is kept.
[[nodiscard]] Fault FaultFromAuth(std::string_view error);

}  // namespace sluice::redis
