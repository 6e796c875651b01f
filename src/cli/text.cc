#include "cli/text.h"

#include <cstddef>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "sluice/base/utf8.h"
#include "sluice/http/status.h"

namespace sluice::cli {
namespace {

constexpr size_t kMaxDetail = 500;

// U+0080 to U+009F, which terminals take as control characters too: C2 80 to C2 9F.
bool IsC1(std::string_view character) {
  return character.size() == 2 && character[0] == '\xC2' &&
         static_cast<unsigned char>(character[1]) < 0xA0;
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string valid;
  AppendUtf8(valid, text);
  std::string out;
  for (std::string_view rest = valid; !rest.empty();) {
    const std::string_view character = rest.substr(0, Utf8CharacterLength(rest));
    rest.remove_prefix(character.size());
    const auto first = static_cast<unsigned char>(character.front());
    if ((first < 0x20 && first != '\t') || first == 0x7F) {
      out += fmt::format("\\x{:02x}", first);
    } else if (IsC1(character)) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(character[1]));
    } else {
      out += character;
    }
  }
  return out;
}

std::string DescribeStatus(int status, std::string_view reason, std::string_view body) {
  const std::string_view known = http::ReasonPhrase(status);
  std::string text = fmt::format("{} {}", status, known == "Unknown" ? reason : known);
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_object() && json.contains("detail") && json["detail"].is_string()) {
    text += ": ";
    text += CutUtf8(json["detail"].get_ref<const std::string&>(), kMaxDetail);
  }
  return Printable(text);
}

std::string Seconds(uint64_t ms) {
  return fmt::format("{:.1f} s", static_cast<double>(ms) / 1000);
}

}  // namespace sluice::cli
