// `sluice completion SHELL`: a completion script, made of the commands and options that there are.
// Main thread.
#pragma once

#include <string>
#include <string_view>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name
class App;
}

namespace sluice::cli {

// `shell` is bash, zsh or fish. Commands and options come from `app`; an option that takes a FILE
// is completed with file names, one of a fixed set with its members.
[[nodiscard]] std::string CompletionScript(const CLI::App& app, std::string_view shell);

// Adds the command to `app`; running it sets `exit_code`. REQUIRES: it is the last to be added.
void AddCompletionCommand(CLI::App& app, int& exit_code);

}  // namespace sluice::cli
