// `sluice tail`: subscribes to a topic and prints its events. Main thread.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name
class App;
}

namespace sluice::cli {

// Adds the command to `app`; running it sets `exit_code`.
void AddTailCommand(CLI::App& app, int& exit_code);

}  // namespace sluice::cli
