#include "sluice/http/field_lines.h"

#include <algorithm>

#include "http/text.h"

namespace sluice::http {
namespace {

// What an ordinary head has room for without growing.
constexpr size_t kUsualFields = 16;

constexpr char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return Lower(x) == Lower(y); });
}

bool ListHasToken(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const std::string_view element = list.substr(0, list.find(','));
    list.remove_prefix(std::min(element.size() + 1, list.size()));
    if (EqualsIgnoreCase(TrimOws(element), token)) return true;
  }
  return false;
}

std::optional<std::string_view> FieldLines::Find(FieldName name) const {
  if (!Has(name)) return std::nullopt;
  for (const Field& field : fields_) {
    if (field.known.name == name && !field.known.folded) return View(field.value);
  }
  return std::nullopt;
}

std::optional<std::string_view> FieldLines::Find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (EqualsIgnoreCase(View(field.name), name)) return View(field.value);
  }
  return std::nullopt;
}

bool FieldLines::HasToken(FieldName name, std::string_view token) const {
  return Has(name) && std::any_of(fields_.begin(), fields_.end(), [&](const Field& field) {
           return field.known.name == name && !field.known.folded &&
                  ListHasToken(View(field.value), token);
         });
}

bool FieldLines::HasToken(std::string_view name, std::string_view token) const {
  return std::any_of(fields_.begin(), fields_.end(), [&](const Field& field) {
    return EqualsIgnoreCase(View(field.name), name) && ListHasToken(View(field.value), token);
  });
}

bool FieldLines::AddField(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  if (fields_.empty()) fields_.reserve(kUsualFields);
  const std::string_view name = line.substr(0, colon);
  const KnownField known = FindFieldName(name);
  if (!known.folded) seen_ |= Bit(known.name);
  fields_.push_back({SliceOf(name), SliceOf(TrimOws(line.substr(colon + 1))), known});
  return true;
}

}  // namespace sluice::http
