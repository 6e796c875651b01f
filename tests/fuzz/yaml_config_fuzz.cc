// Any bytes as a configuration: either a usable one or problems that can be printed.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/config/load.h"

namespace {

std::optional<std::string> Lookup(const std::string& name) {
  if (name == "A") return "127.0.0.1:1";
  if (name == "B") return "\xFF\n";
  return std::nullopt;
}

void Check(bool holds) {
  if (!holds) std::abort();
}

bool IsOneLine(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  }
  return !text.empty();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace config = sluice::config;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const config::LoadResult result = config::ParseConfig(text, "f.yaml", Lookup);
  if (result) {
    Check(!(*result)->listen.empty());
    for (const config::Topic& topic : (*result)->topics) {
      Check(!topic.name.empty() && !topic.channel.empty() && topic.path[0] == '/');
      Check(topic.filter.size() <= 4 && topic.replay_initial <= topic.history.events);
    }
    return 0;
  }
  Check(!result.error().empty());
  for (const config::Problem& problem : result.error()) {
    Check(IsOneLine(problem.message) && IsOneLine(problem.ToString()));
    Check((problem.line == 0) == (problem.column == 0));
  }
  return 0;
}
