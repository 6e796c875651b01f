#include "sluice/routing/source_target.h"

#include <vector>

#include "sluice/routing/channel_pattern.h"

namespace sluice::routing {
namespace {

// RFC 3986 2.3.
bool IsUnreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

void AppendEscaped(std::string& out, char c) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

std::string Encode(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (IsUnreserved(c)) {
      out += c;
    } else {
      AppendEscaped(out, c);
    }
  }
  return out;
}

}  // namespace

std::optional<std::string> SourceTarget(const config::Topic& topic, std::string_view channel) {
  std::vector<Parameter> parameters;
  const ChannelPattern pattern(topic.channel);
  if (!pattern.Parse(channel, &parameters)) return std::nullopt;
  std::vector<std::string> encoded;
  encoded.reserve(parameters.size());
  for (Parameter& parameter : parameters) {
    if (parameter.value == "." || parameter.value == "..") return std::nullopt;
    parameter.value = encoded.emplace_back(Encode(parameter.value));
  }
  const std::string path = ChannelPattern(topic.upstream_path).Make(parameters);
  // The path of a topic, which stands for it by default, may have letters that no target has.
  std::string target;
  for (const char c : path) {
    if (static_cast<unsigned char>(c) < 0x80) {
      target += c;
    } else {
      AppendEscaped(target, c);
    }
  }
  return target;
}

}  // namespace sluice::routing
