#include "config/names.h"

#include "config/template.h"

namespace sluice::config {
namespace {

constexpr size_t kMaxNameBytes = 128;

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_.:-").find(c) != std::string_view::npos;
}

}  // namespace

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes &&
         std::all_of(text.begin(), text.end(), IsNameByte) && !text.starts_with(kReservedPrefix);
}

std::string NameRule(std::string_view whose) {
  return fmt::format("{} name is 1 to {} letters, digits, and _ . : - (but not {}...)", whose,
                     kMaxNameBytes, kReservedPrefix);
}

}  // namespace sluice::config
