// `sluice token`: mints a JWT for a configured auth scheme. Main thread.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name
class App;
}

namespace sluice::cli {

// Adds the command to `app`; running it sets `exit_code`.
void AddTokenCommand(CLI::App& app, int& exit_code);

}  // namespace sluice::cli
