// `sluice health`: asks a running gateway how it is; for the health checks of containers, which
// need no curl then. Main thread.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name
class App;
}

namespace sluice::cli {

// Adds the command to `app`; running it sets `exit_code`.
void AddHealthCommand(CLI::App& app, int& exit_code);

}  // namespace sluice::cli
