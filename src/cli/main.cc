// The command line (contract, "Commands").

#include <cstdio>
#include <filesystem>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/bench.h"
#include "sluice/config/load.h"
#include "sluice/http/request_parser.h"
#include "sluice/redis/pubsub_link.h"
#include "sluice/server/gateway.h"
#include "sluice/uv/uv_loop.h"

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

std::string VersionText() {
  return fmt::format("sluice {} (libuv {}, llhttp {}, hiredis {})", SLUICE_VERSION,
                     sluice::uv::Version(), sluice::http::ParserVersion(),
                     sluice::redis::LibraryVersion());
}

// The file that is used when -c is not given.
std::string DefaultConfig() {
  for (const char* path : {"./conf/sluice.yaml", "/etc/sluice/sluice.yaml"}) {
    if (std::filesystem::exists(path)) return path;
  }
  return {};
}

int RunOrTest(const std::string& path, bool only_test, int ready_fd) {
  if (path.empty()) {
    fmt::print(stderr,
               "sluice: there is no ./conf/sluice.yaml and no /etc/sluice/sluice.yaml; name a file "
               "with -c\n");
    return kFailed;
  }
  const auto loaded = sluice::config::LoadConfig(path);
  if (!loaded) {
    for (const auto& problem : loaded.error()) fmt::print(stderr, "{}\n", problem.ToString());
    return kFailed;
  }
  if (only_test) {
    fmt::print("{}: the configuration is valid\n", path);
    return 0;
  }
  return sluice::server::RunGateway(*loaded, {.version = SLUICE_VERSION, .ready_fd = ready_fd});
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Reverse proxy and Server-Sent Events fan-out gateway.\n"
      "Without a subcommand it runs in the foreground.",
      "sluice");
  std::string config_path;
  bool only_test = false;
  int ready_fd = -1;
  app.add_option("-c,--config", config_path,
                 "Configuration file (./conf/sluice.yaml, else /etc/sluice/sluice.yaml)");
  app.add_flag("-t,--test", only_test, "Check the configuration, print every error, and exit");
  app.add_option("--ready-fd", ready_fd,
                 "Write the bound addresses and `ready` to this descriptor, then close it");
  app.set_version_flag("--version", VersionText());
  app.footer(
      "Examples:\n"
      "  sluice -c conf/sluice.yaml\n"
      "  sluice -t -c /etc/sluice/sluice.yaml\n"
      "  sluice bench --help");
  int bench_code = 0;
  sluice::cli::AddBenchCommand(app, bench_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : kUsage;
  }
  if (!app.get_subcommands().empty()) return bench_code;
  return RunOrTest(config_path.empty() ? DefaultConfig() : config_path, only_test, ready_fd);
}
