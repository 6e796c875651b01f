// `sluice explain`: what the gateway would do with a request, without serving it. Main thread.
#pragma once

#include <cstdint>
#include <string>

#include "sluice/base/result.h"
#include "sluice/config/config.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name
class App;
}

namespace sluice::cli {

struct Question {
  std::string target = "/";  // path and query, as a client would send them
  std::string host = "localhost";
  std::string name;       // "@NAME": the route of that name, as an X-Accel-Redirect finds it
  bool internal = false;  // look as an X-Accel-Redirect does
  std::string token;      // as Authorization: Bearer; empty: none
  std::string cookie;     // the Cookie field; empty: none
};

struct Explanation {
  std::string text;  // lines of "name   value"; no token in it
  int status = 0;    // that the gateway would answer with
};

// `now_ms` is Unix time.
[[nodiscard]] Explanation Explain(const config::ConfigPtr& config, const Question& question,
                                  uint64_t now_ms);

// Adds the command to `app`; running it sets `exit_code`.
void AddExplainCommand(CLI::App& app, int& exit_code);

}  // namespace sluice::cli
