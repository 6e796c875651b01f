#include "sluice/base/result.h"

#include <cstdlib>
#include <system_error>

namespace sluice {

tl::unexpected<Error> FailSystem(std::string_view what, int number) {
  std::string message(what);
  message += ": ";
  message += std::generic_category().message(std::abs(number));
  return Fail(Errc::kSystem, std::move(message));
}

}  // namespace sluice
