// The head of one HTTP/1.x request, validated: RequestParser makes it, everything after routes and
// answers by it. It keeps the bytes as they came, once, and offsets into them; views that it
// returns live as long as it does and until it is moved. Immutable after it was made, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

struct HeaderView {
  std::string_view name;   // as sent; compare with EqualsIgnoreCase
  std::string_view value;  // without the white space around it
};

// ASCII letters only, as header names and tokens compare.
[[nodiscard]] bool EqualsIgnoreCase(std::string_view a, std::string_view b);
// Whether a comma-separated list names `token`, in any case.
[[nodiscard]] bool ListHasToken(std::string_view list, std::string_view token);

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

  [[nodiscard]] size_t header_count() const { return headers_.size(); }
  // REQUIRES: i < header_count().
  [[nodiscard]] HeaderView header(size_t i) const {
    return {View(headers_[i].name), View(headers_[i].value)};
  }
  // The value of the first field of that name, whatever its case.
  [[nodiscard]] std::optional<std::string_view> Header(std::string_view name) const;
  // Whether a comma-separated field (Connection, ...) names `token`, in any of its lines.
  [[nodiscard]] bool HeaderHasToken(std::string_view name, std::string_view token) const;
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

 private:
  friend class RequestParser;
  friend class HeadReader;

  struct Slice {
    uint32_t offset = 0;
    uint32_t size = 0;
  };
  struct Field {
    Slice name;
    Slice value;
  };
  [[nodiscard]] std::string_view View(Slice s) const {
    return std::string_view(bytes_).substr(s.offset, s.size);
  }

  std::string bytes_;  // the head as received, from the request line to the empty line
  std::vector<Field> headers_;
  Path path_;
  uint64_t content_length_ = 0;
  Slice method_text_;
  Slice target_;
  Slice host_;
  Slice query_;
  Method method_ = Method::kOther;
  uint8_t minor_version_ = 1;
  bool asterisk_ = false;
  bool keep_alive_ = false;
  bool expects_continue_ = false;
  bool chunked_ = false;
};

}  // namespace sluice::http
