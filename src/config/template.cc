#include "config/template.h"

#include <algorithm>

#include <fmt/format.h>

#include "config/report.h"

namespace sluice::config {
namespace {

constexpr size_t kMaxPathBytes = 1024;
constexpr size_t kMaxChannelBytes = 256;
constexpr size_t kMaxParameters = 8;
constexpr size_t kMaxParameterBytes = 32;

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsParameterName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxParameterBytes &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return IsAlphanumeric(c) || c == '_'; });
}

tl::expected<Template, std::string> Parse(std::string_view text) {
  Template result;
  while (true) {
    const size_t brace = text.find_first_of("{}");
    result.shape += text.substr(0, brace);
    if (brace == std::string_view::npos) return result;
    const size_t end = text.find('}', brace);
    if (text[brace] == '}' || end == std::string_view::npos) {
      return tl::unexpected<std::string>("has a brace without its partner");
    }
    const std::string name(text.substr(brace + 1, end - brace - 1));
    if (!IsParameterName(name)) {
      return tl::unexpected(
          fmt::format("has the parameter {}; a name is 1 to {} letters, digits and _", Quote(name),
                      kMaxParameterBytes));
    }
    if (std::find(result.parameters.begin(), result.parameters.end(), name) !=
        result.parameters.end()) {
      return tl::unexpected(fmt::format("has the parameter {{{}}} twice", name));
    }
    result.parameters.push_back(name);
    if (result.parameters.size() > kMaxParameters) {
      return tl::unexpected(fmt::format("has more than {} parameters", kMaxParameters));
    }
    result.shape += "{}";
    text.remove_prefix(end + 1);
  }
}

// Bytes that may stand in a decoded path; braces are the parameters'.
bool IsPathByte(char c) {
  return IsAlphanumeric(c) || static_cast<unsigned char>(c) >= 0x80 ||
         std::string_view("-._~!$&'()*+,;=:@/{}").find(c) != std::string_view::npos;
}

}  // namespace

tl::expected<Template, std::string> ParsePath(std::string_view text) {
  if (text.empty() || text[0] != '/') return tl::unexpected<std::string>("does not begin with /");
  if (text.size() > kMaxPathBytes) {
    return tl::unexpected(fmt::format("is longer than {} bytes", kMaxPathBytes));
  }
  if (text.find('%') != std::string_view::npos) {
    return tl::unexpected<std::string>("holds %; a path is written here as it is after decoding");
  }
  for (const char c : text) {
    if (!IsPathByte(c)) return tl::unexpected(fmt::format("holds '{}', which no path can", c));
  }
  tl::expected<Template, std::string> parsed = Parse(text);
  if (!parsed) return parsed;

  std::string_view rest = parsed->shape;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(segment.size());
    if (segment.find('{') != std::string_view::npos && segment != "{}") {
      return tl::unexpected<std::string>("has a parameter that is not a whole segment (/{name}/)");
    }
    if (segment == "." || segment == ".." || (segment.empty() && !rest.empty())) {
      return tl::unexpected<std::string>(
          "has an empty segment, \".\" or \"..\"; no request is routed by such a path");
    }
  }
  if (parsed->shape.size() > 1 && parsed->shape.back() == '/') parsed->shape.pop_back();
  return parsed;
}

bool SameParameters(const Template& a, const Template& b) {
  return std::is_permutation(a.parameters.begin(), a.parameters.end(), b.parameters.begin(),
                             b.parameters.end());
}

tl::expected<Template, std::string> ParseChannel(std::string_view text) {
  if (text.empty() || text.size() > kMaxChannelBytes) {
    return tl::unexpected(fmt::format("is not 1 to {} bytes long", kMaxChannelBytes));
  }
  if (text.find(' ') != std::string_view::npos) {
    return tl::unexpected<std::string>("holds a space");
  }
  if (text.substr(0, kReservedPrefix.size()) == kReservedPrefix) {
    return tl::unexpected(fmt::format("begins with {}, which is Sluice's own", kReservedPrefix));
  }
  tl::expected<Template, std::string> parsed = Parse(text);
  if (parsed && parsed->shape.find("{}{}") != std::string::npos) {
    return tl::unexpected<std::string>("has two parameters without text between them");
  }
  return parsed;
}

}  // namespace sluice::config
