// The address of a Redis server as a URL. Pure function.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "sluice/config/config.h"

namespace sluice::config {

// redis://[[user]:password@]host[:port][/db] or unix://[[user]:password@]/path[?db=N]; user and
// password may be percent-encoded. Fills endpoint, user, password and database of `redis`. The
// error is a sentence without its subject and never holds a part of the URL, for any part may be a
// misplaced password.
[[nodiscard]] tl::expected<void, std::string> ParseRedisUrl(std::string_view url, Redis& redis);

}  // namespace sluice::config
