#include "http/head_reader.h"

#include "http/target.h"

namespace sluice::http {
namespace {

Method MethodOf(std::string_view text) {
  struct Entry {
    std::string_view text;
    Method method;
  };
  static constexpr Entry kTable[] = {
      {"GET", Method::kGet},         {"HEAD", Method::kHead},   {"POST", Method::kPost},
      {"OPTIONS", Method::kOptions}, {"PUT", Method::kPut},     {"DELETE", Method::kDelete},
      {"PATCH", Method::kPatch},     {"TRACE", Method::kTrace},
  };
  for (const Entry& entry : kTable) {
    if (entry.text == text) return entry.method;
  }
  return Method::kOther;
}

}  // namespace

bool HeadReader::ReadRequestLine(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == last) return Refuse(400, "request line: the HTTP version is missing");
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (target.empty() || target.find(' ') != std::string_view::npos) {
    return Refuse(400, "request line: its parts must be separated by exactly one space");
  }
  request_.method_text_ = request_.fields_.SliceOf(method);
  request_.method_ = MethodOf(method);
  request_.target_ = request_.fields_.SliceOf(target);
  return ReadVersion(line.substr(last + 1)) && ReadTarget(target);
}

bool HeadReader::ReadVersion(std::string_view version) {
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return Refuse(version.starts_with("HTTP/") ? 505 : 400,
                  "request line: only HTTP/1.1 and HTTP/1.0 are served here");
  }
  request_.minor_version_ = version.back() == '1' ? 1 : 0;
  return true;
}

bool HeadReader::ReadTarget(std::string_view target) {
  Result<Target> split = SplitTarget(target, request_.method_ == Method::kOptions);
  if (!split) return Refuse(400, split.error().message);
  if (const Result<> path = request_.path_.Read(split->path); !path) {
    return Refuse(400, path.error().message);
  }
  request_.asterisk_ = split->asterisk;
  if (!split->query.empty()) request_.query_ = request_.fields_.SliceOf(split->query);
  if (!split->authority.empty()) request_.host_ = request_.fields_.SliceOf(split->authority);
  return true;
}

bool HeadReader::ReadField(std::string_view line) {
  return request_.fields_.AddField(line) ||
         Refuse(400, "header line " + std::to_string(request_.fields_.size() + 1) +
                         ": the field has no name");
}

bool HeadReader::Finish() {
  if (!CheckExpect() || !CheckHost() || !CheckFraming()) return false;
  request_.keep_alive_ = request_.minor_version_ == 1;
  if (request_.fields_.Has(FieldName::kConnection)) {
    request_.keep_alive_ =
        !request_.fields_.HasToken(FieldName::kConnection, "close") &&
        (request_.keep_alive_ || request_.fields_.HasToken(FieldName::kConnection, "keep-alive"));
  }
  return true;
}

bool HeadReader::CheckExpect() {
  const FieldLines& fields = request_.fields_;
  // HTTP/1.0 knows no expectations (RFC 9110 10.1.1).
  if (!fields.Has(FieldName::kExpect) || request_.minor_version_ == 0) return true;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields.known(i).name == FieldName::kExpect &&
        !EqualsIgnoreCase(fields[i].value, "100-continue")) {
      return Refuse(417, "Expect: only 100-continue can be met");
    }
  }
  request_.expects_continue_ = true;
  return true;
}

bool HeadReader::CheckHost() {
  if (request_.fields_.Repeats(FieldName::kHost)) {
    return Refuse(400, "Host: it must stand once only");
  }
  const std::optional<std::string_view> host = request_.fields_.Find(FieldName::kHost);
  if (!host) return request_.minor_version_ == 0 || Refuse(400, "Host: HTTP/1.1 requires it");
  if (host->empty() && request_.minor_version_ == 0) return true;
  if (!IsValidAuthority(*host)) return Refuse(400, "Host: not a valid host and port");
  // An absolute-form target has named the host already, and wins (RFC 9112 3.2.2).
  if (request_.host_.size == 0) request_.host_ = request_.fields_.SliceOf(*host);
  return true;
}

bool HeadReader::CheckFraming() {
  const FieldLines& fields = request_.fields_;
  if (fields.Repeats(FieldName::kContentLength)) {
    return Refuse(400, "Content-Length: it must stand once only");
  }
  const std::optional<std::string_view> coding = fields.Find(FieldName::kTransferEncoding);
  if (!coding) return true;
  if (fields.Has(FieldName::kContentLength)) {
    return Refuse(400, "Transfer-Encoding: not together with Content-Length");
  }
  if (request_.minor_version_ == 0) return Refuse(400, "Transfer-Encoding: not in HTTP/1.0");
  if (fields.Repeats(FieldName::kTransferEncoding)) {
    return Refuse(400, "Transfer-Encoding: it must stand once only");
  }
  if (coding->empty()) return Refuse(400, "Transfer-Encoding: it is empty");
  if (!EqualsIgnoreCase(*coding, "chunked")) {
    return Refuse(501, "Transfer-Encoding: only \"chunked\" is supported");
  }
  request_.chunked_ = true;
  return true;
}

bool HeadReader::Refuse(int status, std::string_view detail) {
  error_ = {status, std::string(detail)};
  return false;
}

}  // namespace sluice::http
