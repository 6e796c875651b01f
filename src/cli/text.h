// Texts from elsewhere, as they may stand on a terminal. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::cli {

// Control bytes as \xNN, and ill-formed UTF-8 as U+FFFD, so that what a server sends moves no
// cursor. A tab stays.
[[nodiscard]] std::string Printable(std::string_view text);

// "404 Not Found: there is no such topic": the status and, of a JSON error body, its detail.
[[nodiscard]] std::string DescribeStatus(int status, std::string_view reason,
                                         std::string_view body);

// "2.5 s"
[[nodiscard]] std::string Seconds(uint64_t ms);

}  // namespace sluice::cli
