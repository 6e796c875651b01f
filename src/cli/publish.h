// `sluice publish`: publishes one event over HTTP to a running gateway. Main thread.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name
class App;
}

namespace sluice::cli {

// Adds the command to `app`; running it sets `exit_code`.
void AddPublishCommand(CLI::App& app, int& exit_code);

}  // namespace sluice::cli
