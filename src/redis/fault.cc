#include "redis/fault.h"

#include <array>
#include <cstddef>

namespace sluice::redis {
namespace {

constexpr size_t kMaxQuoted = 200;

struct Code {
  std::string_view name;
  Cause cause;
};

constexpr std::array<Code, 9> kCodes{{
    {"LOADING", Cause::kLoading},
    {"NOAUTH", Cause::kNoAuth},
    {"WRONGPASS", Cause::kWrongPassword},
    {"NOPERM", Cause::kNoPermission},
    {"READONLY", Cause::kReplica},
    {"MASTERDOWN", Cause::kReplica},
    {"DENIED", Cause::kProtectedMode},
    {"-DENIED", Cause::kProtectedMode},
    {"NOREPLICAS", Cause::kReplica},
}};

Cause Classify(std::string_view error) {
  const std::string_view name = error.substr(0, error.find(' '));
  for (const Code& code : kCodes) {
    if (code.name == name) return code.cause;
  }
  if (error.find("max number of clients") != std::string_view::npos) return Cause::kClientLimit;
  // Redis 5 and older have no codes of their own for these.
  if (error.find("invalid password") != std::string_view::npos) return Cause::kWrongPassword;
  if (error.find("operation not permitted") != std::string_view::npos) return Cause::kNoAuth;
  return Cause::kRefused;
}

}  // namespace

std::string_view Fault::advice() const {
  switch (cause) {
    case Cause::kConnect:
      return "check that Redis runs and that redis.url is right";
    case Cause::kClosed:
      return "Redis restarted, shut down, or dropped this client; if it comes again, look at its "
             "log and "
             "at client-output-buffer-limit";
    case Cause::kLost:
      return {};
    case Cause::kSilent:
      return "Redis hangs, is overloaded, or something on the way swallows messages";
    case Cause::kProtocol:
      return "check that redis.url names a Redis server and its plain (not TLS) port";
    case Cause::kTooLarge:
      return "a publisher sends messages that are too large";
    case Cause::kLoading:
      return "Redis is reading its data from disk; this ends by itself";
    case Cause::kNoAuth:
      return "give the password in redis.url";
    case Cause::kWrongPassword:
      return "check user and password in redis.url";
    case Cause::kNoPermission:
      return "give the ACL user +subscribe +unsubscribe +publish, its channels, and &sluice:ctl:*";
    case Cause::kReplica:
      return "this Redis is a replica; name the master in redis.url";
    case Cause::kClientLimit:
      return "raise maxclients of Redis";
    case Cause::kProtectedMode:
      return "set a password for Redis, or bind it to the right address";
    case Cause::kRefused:
      return {};
  }
  return {};
}

Fault FaultFromReply(std::string_view doing, std::string_view error) {
  std::string what(doing);
  what += ": ";
  what += error.substr(0, kMaxQuoted);
  return Fault{Classify(error), std::move(what)};
}

Fault FaultFromAuth(std::string_view error) {
  const Cause cause = Classify(error);
  if (error.find("without any password configured") != std::string_view::npos ||
      error.find("no password is set") != std::string_view::npos) {
    return Fault{Cause::kWrongPassword,
                 "AUTH: this Redis has no password set, but redis.url holds one"};
  }
  if (error.find("wrong number of arguments") != std::string_view::npos) {
    return Fault{
        Cause::kWrongPassword,
        "AUTH: this Redis is older than 6 and knows no user names, but redis.url holds one"};
  }
  for (const Code& code : kCodes) {
    if (code.cause == cause && error.substr(0, code.name.size()) == code.name) {
      return Fault{cause, "AUTH: " + std::string(code.name)};
    }
  }
  if (cause == Cause::kClientLimit) return Fault{cause, "max number of clients reached"};
  return Fault{Cause::kWrongPassword, "AUTH: refused"};
}

}  // namespace sluice::redis
