// The command line (contract, "Commands").

#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/bench.h"
#include "cli/command.h"
#include "cli/completion.h"
#include "cli/explain.h"
#include "cli/health.h"
#include "cli/publish.h"
#include "cli/serve.h"
#include "cli/signal_gateway.h"
#include "cli/tail.h"
#include "cli/token.h"
#include "sluice/http/request_parser.h"
#include "sluice/jose/key.h"
#include "sluice/redis/pubsub_link.h"
#include "sluice/uv/uv_loop.h"

namespace {

std::string VersionText() {
  return fmt::format("sluice {} (libuv {}, llhttp {}, hiredis {}, OpenSSL {})", SLUICE_VERSION,
                     sluice::uv::Version(), sluice::http::ParserVersion(),
                     sluice::redis::LibraryVersion(), sluice::jose::LibraryVersion());
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sluice::cli;  // NOLINT(google-build-using-namespace)
  CLI::App app(
      "Reverse proxy and Server-Sent Events fan-out gateway.\n"
      "Without a command it runs in the foreground.",
      "sluice");
  app.failure_message(UsageLine);
  ServeOptions serve;
  std::string signal;
  AddConfigOption(app, serve.config_path);
  app.add_flag("-t,--test", serve.only_test,
               "check the configuration, print every error, and exit");
  app.add_option("-s,--signal", signal,
                 "signal the gateway that runs with this configuration, by its pid_file")
      ->type_name("WORD")
      ->check(CLI::IsMember(SignalWords()))
      ->excludes("--test");
  app.add_option("--ready-fd", serve.ready_fd,
                 "write the bound addresses and `ready` to this descriptor, then close it")
      ->type_name("N");
  app.set_version_flag("--version", VersionText(), "print the version and the libraries' versions");
  app.set_help_flag("-h,--help", "print this help");
  app.footer(
      "Examples:\n"
      "  sluice -c conf/sluice.yaml\n"
      "  sluice -t -c /etc/sluice/sluice.yaml\n"
      "  sluice -s reload\n"
      "  sluice tail http://127.0.0.1:8080/events/news\n"
      "  sluice publish news hello\n"
      "Each command has help of its own: sluice bench --help");
  int exit_code = kDone;
  AddPublishCommand(app, exit_code);
  AddTailCommand(app, exit_code);
  AddTokenCommand(app, exit_code);
  AddExplainCommand(app, exit_code);
  AddHealthCommand(app, exit_code);
  AddBenchCommand(app, exit_code);
  AddCompletionCommand(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  if (!app.get_subcommands().empty()) return exit_code;
  if (!signal.empty()) return SignalGateway(signal, serve.config_path);
  return Serve(serve);
}
