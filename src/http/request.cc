#include "sluice/http/request.h"

#include <algorithm>

#include "http/text.h"
#include "sluice/http/query.h"

namespace sluice::http {

void Request::Clear() {
  fields_.Clear();
  path_.Clear();
  content_length_ = 0;
  method_text_ = target_ = host_ = query_ = {};
  method_ = Method::kOther;
  minor_version_ = 1;
  asterisk_ = keep_alive_ = expects_continue_ = chunked_ = false;
}

std::optional<std::string> Request::Query(std::string_view name) const {
  return FindQuery(query(), name);
}

std::optional<std::string_view> Request::Cookie(std::string_view name) const {
  if (!fields_.Has(FieldName::kCookie)) return std::nullopt;
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (fields_.known(i).name != FieldName::kCookie || fields_.known(i).folded) continue;
    std::string_view rest = fields_[i].value;
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

bool Request::upgrade_websocket() const {
  if (method_ != Method::kGet || minor_version_ != 1 || has_body()) return false;
  const std::optional<std::string_view> upgrade = fields_.Find(FieldName::kUpgrade);
  return upgrade && EqualsIgnoreCase(*upgrade, "websocket") &&
         fields_.HasToken(FieldName::kConnection, "upgrade");
}

}  // namespace sluice::http
