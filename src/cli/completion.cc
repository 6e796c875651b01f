#include "cli/completion.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/command.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kShells[] = {"bash", "zsh", "fish"};

struct Option {
  std::vector<std::string> names;  // "-c", "--config"
  std::string help;
  bool takes_value = false;
  bool takes_file = false;
  std::vector<std::string> values;  // all that it takes; empty: anything
};

struct Command {
  std::string name;  // empty: the program itself
  std::string help;
  std::vector<Option> options;
  std::vector<std::string> arguments;  // values of its first argument, if they are a fixed set
};

std::vector<std::string> SplitAt(char separator, std::string_view text) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(separator, at), text.size());
    parts.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

// CLI11 writes the members of a set into the type's name: "WORD:{a,b}".
std::vector<std::string> ValuesOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t begin = type.find(":{");
  if (begin == std::string::npos || !type.ends_with('}')) return {};
  return SplitAt(',', std::string_view(type).substr(begin + 2, type.size() - begin - 3));
}

Command Describe(const CLI::App& app, bool is_main) {
  Command command;
  command.name = is_main ? "" : app.get_name();
  command.help = app.get_description();
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      if (command.arguments.empty()) command.arguments = ValuesOf(*option);
      continue;
    }
    Option described;
    for (const std::string& name : option->get_snames()) described.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) described.names.push_back("--" + name);
    described.help = option->get_description();
    described.takes_value = option->get_items_expected_max() > 0;
    described.takes_file = option->get_type_name().starts_with("FILE");
    described.values = ValuesOf(*option);
    command.options.push_back(std::move(described));
  }
  return command;
}

// The program itself first.
std::vector<Command> Commands(const CLI::App& app) {
  std::vector<Command> commands = {Describe(app, true)};
  for (const CLI::App* command : app.get_subcommands({})) {
    commands.push_back(Describe(*command, false));
  }
  return commands;
}

std::string Join(const std::vector<std::string>& words, std::string_view separator) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += separator;
    out += word;
  }
  return out;
}

std::string Words(const std::vector<Command>& commands, const Command& command) {
  std::vector<std::string> words;
  for (const Option& option : command.options) {
    words.insert(words.end(), option.names.begin(), option.names.end());
  }
  words.insert(words.end(), command.arguments.begin(), command.arguments.end());
  if (command.name.empty()) {
    for (const Command& other : commands) {
      if (!other.name.empty()) words.push_back(other.name);
    }
  }
  return Join(words, " ");
}

std::string BashScript(const std::vector<Command>& commands) {
  std::string out =
      R"(# sluice completion bash: source this file, or put it where bash-completion looks.
_sluice() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= word
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      )";
  std::vector<std::string> names;
  for (const Command& command : commands) {
    if (!command.name.empty()) names.push_back(command.name);
  }
  out += Join(names, "|");
  out += R"() command=$word; break ;;
    esac
  done
  COMPREPLY=()
  case $command:$previous in
)";
  for (const Command& command : commands) {
    for (const Option& option : command.options) {
      if (!option.takes_value) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names) {
        patterns.push_back(fmt::format("{}:{}", command.name, name));
      }
      const std::string reply =
          option.takes_file ? "mapfile -t COMPREPLY < <(compgen -f -- \"$current\")"
          : option.values.empty()
              ? ":"
              : fmt::format("mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$current\")",
                            Join(option.values, " "));
      out += fmt::format("    {}) {}; return ;;\n", Join(patterns, "|"), reply);
    }
  }
  out += "  esac\n  case $command in\n";
  for (const Command& command : commands) {
    out += fmt::format("    {}) mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$current\") ;;\n",
                       command.name.empty() ? "''" : command.name, Words(commands, command));
  }
  out += "  esac\n}\ncomplete -o filenames -F _sluice sluice\n";
  return out;
}

// Within '…' of zsh and fish.
std::string Quoted(std::string_view text, std::string_view also_escaped) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
      continue;
    }
    if (also_escaped.find(c) != std::string_view::npos) out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

// The options' and the argument's specifications for zsh's _arguments, each on a line that goes on.
std::string ZshArguments(const Command& command) {
  std::string out;
  for (const Option& option : command.options) {
    for (const std::string& name : option.names) {
      out += fmt::format("'{}[{}]", name, Quoted(option.help, "[]\\"));
      if (option.takes_file) {
        out += ":file:_files";
      } else if (option.takes_value) {
        out += fmt::format(":value:({})", Join(option.values, " "));
      }
      out += "' \\\n        ";
    }
  }
  return out;
}

std::string ZshScript(const std::vector<Command>& commands) {
  std::string out =
      "#compdef sluice\n"
      "# sluice completion zsh: put it as _sluice into a folder of $fpath.\n"
      "_sluice() {\n"
      "  local -a commands line\n"
      "  local state\n"
      "  commands=(\n";
  for (const Command& command : commands) {
    if (command.name.empty()) continue;
    out += fmt::format("    '{}:{}'\n", command.name, Quoted(command.help, ":\\"));
  }
  out += fmt::format(
      "  )\n"
      "  _arguments -C {}'1: :->command' '*:: :->arguments'\n"
      "  case $state in\n"
      "    command) _describe command commands ;;\n"
      "    arguments)\n"
      "      case $line[1] in\n",
      ZshArguments(commands.front()));
  for (const Command& command : commands) {
    if (command.name.empty()) continue;
    out += fmt::format("        {}) _arguments {}'1:argument:({})' ;;\n", command.name,
                       ZshArguments(command), Join(command.arguments, " "));
  }
  out += "      esac ;;\n  esac\n}\ncompdef _sluice sluice\n";
  return out;
}

std::string FishScript(const std::vector<Command>& commands) {
  std::string out =
      "# sluice completion fish: put it as sluice.fish into ~/.config/fish/completions.\n"
      "complete -c sluice -f\n";
  for (const Command& command : commands) {
    const std::string condition = command.name.empty()
                                      ? "__fish_use_subcommand"
                                      : fmt::format("__fish_seen_subcommand_from {}", command.name);
    if (!command.name.empty()) {
      out += fmt::format("complete -c sluice -n __fish_use_subcommand -a {} -d '{}'\n",
                         command.name, Quoted(command.help, "\\"));
    }
    if (!command.arguments.empty()) {
      out += fmt::format("complete -c sluice -n '{}' -a '{}'\n", condition,
                         Join(command.arguments, " "));
    }
    for (const Option& option : command.options) {
      out += fmt::format("complete -c sluice -n '{}'", condition);
      for (const std::string& name : option.names) {
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (option.takes_file) {
        out += " -r -F";
      } else if (option.takes_value) {
        out += fmt::format(" -x -a '{}'", Join(option.values, " "));
      }
      out += fmt::format(" -d '{}'\n", Quoted(option.help, "\\"));
    }
  }
  return out;
}

}  // namespace

std::string CompletionScript(const CLI::App& app, std::string_view shell) {
  const std::vector<Command> commands = Commands(app);
  if (shell == "bash") return BashScript(commands);
  return shell == "zsh" ? ZshScript(commands) : FishScript(commands);
}

void AddCompletionCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("completion", "Print a completion script for a shell");
  const auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "the shell")
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(kShells), std::end(kShells))));
  command->footer(
      "Examples:\n"
      "  source <(sluice completion bash)\n"
      "  sluice completion bash >/etc/bash_completion.d/sluice\n"
      "  sluice completion zsh >~/.zfunc/_sluice\n"
      "  sluice completion fish >~/.config/fish/completions/sluice.fish");
  command->callback([shell, &app, &exit_code] {
    fmt::print("{}", CompletionScript(app, *shell));
    exit_code = kDone;
  });
}

}  // namespace sluice::cli
