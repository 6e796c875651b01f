// `sluice -s WORD`: signals the running gateway through its pid file. Main thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

// The words, in the order of the documentation.
[[nodiscard]] std::vector<std::string> SignalWords();

// REQUIRES: `word` is one of SignalWords(). Returns the exit code. It does not wait for what the
// gateway then does.
int SignalGateway(std::string_view word, std::string config_path);

}  // namespace sluice::cli
