// What the subcommands share: exit codes (contract, "Commands"), the configuration file, and how
// they complain. Main thread.
#pragma once

#include <string>
#include <string_view>

#include "sluice/base/result.h"
#include "sluice/config/config.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's names
class App;
class Error;
}  // namespace CLI

namespace sluice::cli {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

// Adds -c, which is the same in every command that reads the configuration.
void AddConfigOption(CLI::App& command, std::string& path);

// Reads `path`, or, if it is empty, the first of the default files that exists. Null after printing
// to standard error what is wrong, one line each. `path` becomes the file that was read.
[[nodiscard]] config::ConfigPtr LoadOrComplain(std::string& path);

// Null if there is none of that name.
[[nodiscard]] const config::AuthScheme* FindScheme(const config::Config& config,
                                                   std::string_view name);

// One line on standard error, "sluice COMMAND: message"; returns `exit_code`.
int Complain(std::string_view command, std::string_view message, int exit_code = kFailed);
// With the exit code that fits: kUsage for what was typed wrongly, else kFailed.
int Complain(std::string_view command, const Error& error);

// The line for wrong usage of `app` or of the subcommand that was given.
[[nodiscard]] std::string UsageLine(const CLI::App* app, const CLI::Error& error);

}  // namespace sluice::cli
