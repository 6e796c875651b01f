// Errors are values. A function that can fail for a reason of the outside world returns Result<T>;
// a broken invariant of ours asserts instead. Immutable values, any thread.
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace sluice {

// What kind of fault it was, for code that decides; `message` is for people and says what and
// where.
enum class Errc {
  kInvalid,      // malformed input
  kLimit,        // well-formed, but over a limit of ours
  kNotFound,     // no such name, file or topic
  kSystem,       // the operating system refused (message holds strerror)
  kTimeout,      // it took longer than it may
  kUnavailable,  // a peer that we need is not there
  kClosed,       // the other side went away
  kEnded,        // it will never have anything more
};

struct Error {
  Errc code = Errc::kInvalid;
  std::string message;
};

template <class T = void>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> Fail(Errc code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

// "what: strerror(number)" as a kSystem error. `number` is an errno, positive or negated.
[[nodiscard]] tl::unexpected<Error> FailSystem(std::string_view what, int number);

}  // namespace sluice
