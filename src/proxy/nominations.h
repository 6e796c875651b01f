// The fields that a message's Connection nominates: they are about this connection, and end here
// (RFC 9110 7.6.1). Any thread.
#pragma once

#include <cstddef>

#include "proxy/text.h"
#include "sluice/http/field_lines.h"

namespace sluice::proxy {

class Nominations {
 public:
  // `fields` must outlive this.
  explicit Nominations(const http::FieldLines& fields)
      : fields_(fields), any_(fields.Has(http::FieldName::kConnection) && FindAny()) {}

  // Whether line i is nominated. What is known by name, or says what the body is, is not: either it
  // ends here anyway, or everyone needs it, and who nominates it only tries to take it from others.
  [[nodiscard]] bool Has(size_t i) const {
    return any_ && fields_.known(i).name == http::FieldName::kOther &&
           fields_.HasToken(http::FieldName::kConnection, fields_[i].name) &&
           !IsContentField(fields_[i].name);
  }

 private:
  // The options that all use nominate nothing.
  [[nodiscard]] bool FindAny() const;

  const http::FieldLines& fields_;
  bool any_;
};

}  // namespace sluice::proxy
