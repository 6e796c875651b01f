#include "proxy/nominations.h"

#include <algorithm>
#include <string_view>

namespace sluice::proxy {

bool Nominations::FindAny() const {
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (fields_.known(i).name != http::FieldName::kConnection) continue;
    std::string_view list = fields_[i].value;
    if (http::EqualsIgnoreCase(list, "keep-alive") || http::EqualsIgnoreCase(list, "close")) {
      continue;
    }
    while (!list.empty()) {
      const std::string_view option = list.substr(0, list.find(','));
      list.remove_prefix(std::min(option.size() + 1, list.size()));
      const std::string_view name = TrimOws(option);
      if (http::FindFieldName(name).name != http::FieldName::kOther) continue;
      if (!name.empty() && !http::EqualsIgnoreCase(name, "close")) return true;
    }
  }
  return false;
}

}  // namespace sluice::proxy
