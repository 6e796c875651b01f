// The head of one HTTP/1.x response, validated: ResponseParser makes it. It keeps the bytes as they
// came; views that it returns live as long as it does and until it is moved. Immutable after it was
// made, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "sluice/http/field_lines.h"

namespace sluice::http {

class ResponseHead {
 public:
  // How the body is delimited (RFC 9112 6.3).
  enum class Body : uint8_t { kNone, kLength, kChunked, kUntilClose };

  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] std::string_view reason() const { return fields_.View(reason_); }
  // 0 or 1: HTTP/1.0 or HTTP/1.1.
  [[nodiscard]] int minor_version() const { return minor_version_; }

  [[nodiscard]] size_t header_count() const { return fields_.size(); }
  // REQUIRES: i < header_count().
  [[nodiscard]] HeaderView header(size_t i) const { return fields_[i]; }
  // The value of the first field of that name, whatever its case.
  [[nodiscard]] std::optional<std::string_view> Header(std::string_view name) const {
    return fields_.Find(name);
  }
  // Whether a comma-separated field (Connection, ...) names `token`, in any of its lines.
  [[nodiscard]] bool HeaderHasToken(std::string_view name, std::string_view token) const {
    return fields_.HasToken(name, token);
  }
  [[nodiscard]] const FieldLines& fields() const { return fields_; }

  [[nodiscard]] Body body() const { return body_; }
  // Of a kLength body.
  [[nodiscard]] uint64_t content_length() const { return content_length_; }
  // Whether the connection may carry another request after this answer (RFC 9112 9.3).
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }

 private:
  friend class ResponseParser;

  // As a new one, but for the memory of its lines.
  void Clear() {
    fields_.Clear();
    content_length_ = 0;
    reason_ = {};
    status_ = 0;
    minor_version_ = 1;
    body_ = Body::kNone;
    keep_alive_ = false;
  }

  FieldLines fields_;
  uint64_t content_length_ = 0;
  HeadSlice reason_;
  int status_ = 0;
  uint8_t minor_version_ = 1;
  Body body_ = Body::kNone;
  bool keep_alive_ = false;
};

}  // namespace sluice::http
