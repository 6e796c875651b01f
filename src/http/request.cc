#include "sluice/http/request.h"

#include <algorithm>

#include "http/text.h"
#include "sluice/http/query.h"

namespace sluice::http {
namespace {

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

std::optional<std::string> Request::Query(std::string_view name) const {
  return FindQuery(query(), name);
}

std::optional<std::string_view> Request::Header(std::string_view name) const {
  for (const Field& field : headers_) {
    if (EqualsIgnoreCase(View(field.name), name)) return View(field.value);
  }
  return std::nullopt;
}

bool Request::HeaderHasToken(std::string_view name, std::string_view token) const {
  for (const Field& field : headers_) {
    if (!EqualsIgnoreCase(View(field.name), name)) continue;
    if (ListHasToken(View(field.value), token)) return true;
  }
  return false;
}

std::optional<std::string_view> Request::Cookie(std::string_view name) const {
  for (const Field& field : headers_) {
    if (!EqualsIgnoreCase(View(field.name), "cookie")) continue;
    std::string_view rest = View(field.value);
    while (!rest.empty()) {
      const std::string_view pair = rest.substr(0, rest.find(';'));
      rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
      const size_t equals = pair.find('=');
      if (equals == std::string_view::npos || TrimOws(pair.substr(0, equals)) != name) continue;
      return TrimOws(pair.substr(equals + 1));
    }
  }
  return std::nullopt;
}

}  // namespace sluice::http
