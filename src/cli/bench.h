// `sluice bench`: a load generator for SSE gateways.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name
class App;
}

namespace sluice::cli {

// Adds the subcommand. When it was chosen, parsing runs it and sets `exit_code`: 0 done, 1 failed
// or events were lost, 2 usage.
void AddBenchCommand(CLI::App& app, int& exit_code);

}  // namespace sluice::cli
