// The head of one HTTP/1.x request, validated: RequestParser makes it, everything after routes and
// answers by it. It keeps the bytes as they came, once, and offsets into them; views that it
// returns live as long as it does and until it is moved. Immutable after it was made, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/http/field_lines.h"
#include "sluice/http/path.h"

namespace sluice::http {

enum class Method : uint8_t {
  kOther,  // a registered method without meaning to Sluice itself: see method_text()
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kOptions,
  kPatch,
  kTrace,
};

class Request {
 public:
  [[nodiscard]] Method method() const { return method_; }
  [[nodiscard]] std::string_view method_text() const { return View(method_text_); }
  // The request target as sent: "/a?b", "http://h/a?b" or "*".
  [[nodiscard]] std::string_view target() const { return View(target_); }
  // 0 or 1: HTTP/1.0 or HTTP/1.1.
  [[nodiscard]] int minor_version() const { return minor_version_; }

  // The authority of an absolute-form target, else the Host field, with its port; empty only in
  // HTTP/1.0 (RFC 9112 3.2.2).
  [[nodiscard]] std::string_view host() const { return View(host_); }
  // OPTIONS * (RFC 9112 3.2.4). The path is "/" then.
  [[nodiscard]] bool asterisk() const { return asterisk_; }
  [[nodiscard]] const Path& path() const { return path_; }
  // What follows '?', still encoded.
  [[nodiscard]] std::string_view query() const { return View(query_); }
  // The decoded value of the first query parameter of that name.
  [[nodiscard]] std::optional<std::string> Query(std::string_view name) const;

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
  // The value of the first cookie of that name, as sent (RFC 6265 4.2.1).
  [[nodiscard]] std::optional<std::string_view> Cookie(std::string_view name) const;

  // Whether the client wants the connection kept after the answer (RFC 9112 9.3).
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }
  // The client waits for "100 Continue" before it sends the body.
  [[nodiscard]] bool expects_continue() const { return expects_continue_; }
  [[nodiscard]] bool chunked() const { return chunked_; }
  // 0 without a body or when chunked.
  [[nodiscard]] uint64_t content_length() const { return content_length_; }
  [[nodiscard]] bool has_body() const { return chunked_ || content_length_ > 0; }
  // Whether this asks for a WebSocket (RFC 6455 4.1): GET without a body, in HTTP/1.1, whose
  // Connection nominates an Upgrade to websocket and nothing else.
  [[nodiscard]] bool upgrade_websocket() const;

 private:
  friend class RequestParser;
  friend class HeadReader;

  [[nodiscard]] std::string_view View(HeadSlice s) const { return fields_.View(s); }
  // As a new one, but for memory of an ordinary size.
  void Clear();

  FieldLines fields_;
  Path path_;
  uint64_t content_length_ = 0;
  HeadSlice method_text_;
  HeadSlice target_;
  HeadSlice host_;
  HeadSlice query_;
  Method method_ = Method::kOther;
  uint8_t minor_version_ = 1;
  bool asterisk_ = false;
  bool keep_alive_ = false;
  bool expects_continue_ = false;
  bool chunked_ = false;
};

}  // namespace sluice::http
