#include "sluice/proxy/x_accel.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "proxy/text.h"
#include "sluice/http/path.h"
#include "sluice/http/request_parser.h"

namespace sluice::proxy {
namespace {

using http::FieldName;

std::optional<uint64_t> ParseRate(std::string_view text) {
  uint64_t rate = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, rate);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return rate;
}

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

// Appends `text` with what no request target can hold as %XX. Escapes stay as they are.
void AppendEncoded(std::string& out, std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && c != '#') {
      out += c;
      continue;
    }
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 0xF];
  }
}

// Whether a field is about the body, or about this one connection's way of sending it.
bool IsAboutBody(http::KnownField known, std::string_view name) {
  constexpr std::string_view kContent = "content-";
  return known.name == FieldName::kTransferEncoding || known.name == FieldName::kExpect ||
         known.name == FieldName::kTrailer ||
         http::EqualsIgnoreCase(name.substr(0, kContent.size()), kContent);
}

}  // namespace

XAccel ReadXAccel(const http::ResponseHead& head, bool trusted) {
  XAccel accel;
  const http::FieldLines& fields = head.fields();
  const bool any = fields.Has(FieldName::kXAccelBuffering) ||
                   fields.Has(FieldName::kXAccelLimitRate) ||
                   fields.Has(FieldName::kXAccelRedirect);
  if (!trusted || !any) return accel;
  bool rate_seen = false;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields.known(i).folded) continue;
    const std::string_view value = fields[i].value;
    switch (fields.known(i).name) {
      case FieldName::kXAccelBuffering:
        if (http::EqualsIgnoreCase(value, "yes")) accel.buffering = true;
        if (http::EqualsIgnoreCase(value, "no")) accel.buffering = false;
        break;
      case FieldName::kXAccelLimitRate:
        if (!std::exchange(rate_seen, true)) accel.limit_rate = ParseRate(value);
        break;
      case FieldName::kXAccelRedirect:
        if (!accel.redirect) accel.redirect = value;
        break;
      default:
        break;
    }
  }
  return accel;
}

bool IsEventStream(const http::ResponseHead& head) {
  const auto type = head.fields().Find(FieldName::kContentType);
  return type &&
         http::EqualsIgnoreCase(TrimOws(type->substr(0, type->find(';'))), "text/event-stream");
}

FieldList FieldsOverRedirect(const http::ResponseHead& head) {
  FieldList kept;
  for (size_t i = 0; i < head.header_count(); ++i) {
    if (head.fields().known(i).folded) continue;
    switch (head.fields().known(i).name) {
      case FieldName::kAcceptRanges:
      case FieldName::kCacheControl:
      case FieldName::kContentDisposition:
      case FieldName::kContentType:
      case FieldName::kExpires:
      case FieldName::kSetCookie:
        kept.emplace_back(head.header(i).name, head.header(i).value);
        break;
      default:
        break;
    }
  }
  return kept;
}

Result<RedirectTarget> ParseRedirectTarget(std::string_view value) {
  RedirectTarget target;
  if (std::any_of(value.begin(), value.end(), IsControl)) {
    return Fail(Errc::kInvalid, "X-Accel-Redirect: it has control bytes");
  }
  if (value.starts_with('@')) {
    if (value.size() == 1) return Fail(Errc::kInvalid, "X-Accel-Redirect: \"@\" without a name");
    target.name = value;
    return target;
  }
  if (!value.starts_with('/')) {
    return Fail(Errc::kInvalid,
                "X-Accel-Redirect: it is neither a path that begins with \"/\" nor @NAME");
  }
  const size_t question = value.find('?');
  AppendEncoded(target.path, value.substr(0, question));
  if (question != std::string_view::npos) {
    AppendEncoded(target.query.emplace(), value.substr(question + 1));
  }
  const Result<http::Path> path = http::Path::Parse(target.path);
  if (!path) return Fail(Errc::kInvalid, "X-Accel-Redirect: " + path.error().message);
  if (path->dot_segments()) {
    return Fail(Errc::kInvalid, "X-Accel-Redirect: its path has dot segments");
  }
  return target;
}

Result<http::Request> RedirectRequest(const http::Request& request, const RedirectTarget& target) {
  std::string head = request.method() == http::Method::kHead ? "HEAD " : "GET ";
  head += target.path;
  const std::string_view query = target.query ? std::string_view(*target.query) : request.query();
  if (!query.empty()) head.append("?").append(query);
  head += request.minor_version() == 1 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n";
  if (!request.host().empty()) head.append("Host: ").append(request.host()).append("\r\n");
  for (size_t i = 0; i < request.header_count(); ++i) {
    const auto [name, value] = request.header(i);
    const http::KnownField known = request.fields().known(i);
    if (known.name == FieldName::kHost || IsAboutBody(known, name)) continue;
    head.append(name).append(": ").append(value).append("\r\n");
  }
  head += "\r\n";
  // Its own limits: what the client sent has been within the others.
  const auto size = static_cast<uint32_t>(head.size());
  const http::RequestLimits limits = {
      .head_bytes = size, .target_bytes = size, .headers = size, .body_bytes = 0};
  http::RequestParser parser(limits);
  if (parser.Feed(head, nullptr).event != http::RequestParser::Event::kHead) {
    return Fail(Errc::kInvalid, "X-Accel-Redirect: " + parser.error().detail);
  }
  return parser.request();
}

}  // namespace sluice::proxy
