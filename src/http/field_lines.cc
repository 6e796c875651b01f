#include "sluice/http/field_lines.h"

#include <algorithm>

#include "http/text.h"
#include "sluice/base/memory.h"

namespace sluice::http {
namespace {

// What an ordinary head has room for without growing.
constexpr size_t kUsualFields = 16;
// What is kept between messages.
constexpr size_t kKeptBytes = 4096;
constexpr size_t kKeptFields = 32;

}  // namespace

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  constexpr unsigned kCaseBit = 0x20;
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const auto x = static_cast<unsigned char>(a[i]);
    const unsigned difference = x ^ static_cast<unsigned char>(b[i]);
    if (difference == 0) continue;
    const unsigned lower = x | kCaseBit;
    if (difference != kCaseBit || lower < 'a' || lower > 'z') return false;
  }
  return true;
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

void FieldLines::Clear() {
  if (bytes_.capacity() > kKeptBytes || fields_.capacity() > kKeptFields) {
    Free();
    return;
  }
  bytes_.clear();
  fields_.clear();
  seen_ = repeated_ = 0;
}

void FieldLines::Free() {
  Release(bytes_);
  *this = {};
}

bool FieldLines::AddField(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  if (fields_.empty()) fields_.reserve(kUsualFields);
  const std::string_view name = line.substr(0, colon);
  const KnownField known = FindFieldName(name);
  if (!known.folded) {
    repeated_ |= seen_ & Bit(known.name);
    seen_ |= Bit(known.name);
  }
  fields_.push_back({SliceOf(name), SliceOf(TrimOws(line.substr(colon + 1))), known});
  return true;
}

}  // namespace sluice::http
