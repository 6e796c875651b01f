#include "cli/command.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "sluice/config/load.h"

namespace sluice::cli {
namespace {

constexpr const char* kDefaultConfigs[] = {"./conf/sluice.yaml", "/etc/sluice/sluice.yaml"};

}  // namespace

void AddConfigOption(CLI::App& command, std::string& path) {
  command
      .add_option("-c,--config", path,
                  "configuration file (default: ./conf/sluice.yaml, else /etc/sluice/sluice.yaml)")
      ->type_name("FILE");
}

config::ConfigPtr LoadOrComplain(std::string& path) {
  if (path.empty()) {
    for (const char* candidate : kDefaultConfigs) {
      std::error_code ignored;
      if (!path.empty() || !std::filesystem::exists(candidate, ignored)) continue;
      path = candidate;
    }
  }
  if (path.empty()) {
    fmt::print(stderr,
               "sluice: there is no ./conf/sluice.yaml and no /etc/sluice/sluice.yaml; name a file "
               "with -c\n");
    return nullptr;
  }
  const auto loaded = config::LoadConfig(path);
  if (loaded) return *loaded;
  for (const auto& problem : loaded.error()) fmt::print(stderr, "{}\n", problem.ToString());
  return nullptr;
}

const config::AuthScheme* FindScheme(const config::Config& config, std::string_view name) {
  const auto found = std::find_if(config.auth.begin(), config.auth.end(),
                                  [name](const auto& scheme) { return scheme.name == name; });
  return found != config.auth.end() ? &*found : nullptr;
}

int Complain(std::string_view command, std::string_view message, int exit_code) {
  fmt::print(stderr, "sluice {}: {}\n", command, message);
  return exit_code;
}

int Complain(std::string_view command, const Error& error) {
  const bool misused = error.code == Errc::kInvalid || error.code == Errc::kLimit;
  return Complain(command, error.message, misused ? kUsage : kFailed);
}

std::string UsageLine(const CLI::App* app, const CLI::Error& error) {
  std::string command = app->get_name();
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    command += " " + app->get_name();
  }
  std::string what = error.what();
  std::replace(what.begin(), what.end(), '\n', ' ');
  return fmt::format("{}: {}; see `{} --help`\n", command, what, command);
}

}  // namespace sluice::cli
