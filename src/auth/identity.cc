#include "sluice/auth/identity.h"

#include "sluice/auth/pattern.h"

namespace sluice::auth {

bool Identity::May(Right right, std::string_view topic) const {
  if (right == Right::kEnter) return true;
  const config::Patterns& patterns = right == Right::kRead ? read : publish;
  return !patterns || MatchesAny(*patterns, topic);
}

int StatusOf(Denial denial) {
  switch (denial) {
    case Denial::kSpent:
      return 204;
    case Denial::kForbidden:
    case Denial::kCrossOrigin:
      return 403;
    case Denial::kLimited:
      return 429;
    default:
      return 401;
  }
}

std::string_view DetailOf(Denial denial) {
  switch (denial) {
    case Denial::kMissing:
      return "a token is needed";
    case Denial::kExpired:
      return "the token has expired";
    case Denial::kNotYet:
      return "the token is not valid yet";
    case Denial::kForbidden:
      return "the token does not allow this";
    case Denial::kCrossOrigin:
      return "a page of this origin may not publish with a cookie";
    case Denial::kLimited:
      return "too many requests with tokens that were refused";
    default:
      return "the token is not valid";
  }
}

}  // namespace sluice::auth
