#include "sluice/proxy/forward_request.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "proxy/head_output.h"
#include "proxy/nominations.h"
#include "proxy/text.h"
#include "sluice/http/query.h"
#include "sluice/proxy/target.h"

namespace sluice::proxy {
namespace {

using http::FieldName;

// What we add at most, without names and addresses of others.
constexpr size_t kOwnBytes = 384;
constexpr std::string_view kContentFamily = "content-";

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool IsContentField(std::string_view name) {
  return name.size() > kContentFamily.size() &&
         http::EqualsIgnoreCase(name.substr(0, kContentFamily.size()), kContentFamily);
}

// Methods whose requests servers expect to have a body, so that they want to be told of none
// (RFC 9110 8.6).
bool ExpectsBody(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

// RFC 7239 4: a token, or else quoted. Neither addresses nor hosts have '"' or '\'.
void AppendNode(std::string& out, std::string_view text) {
  const bool quoted = text.find_first_of(":[],;=") != std::string_view::npos;
  if (quoted) out += '"';
  out += text;
  if (quoted) out += '"';
}

class Builder {
 public:
  explicit Builder(const ForwardRequest& forward)
      : forward_(forward),
        request_(forward.request),
        fields_(forward.request.fields()),
        output_(out_, fields_),
        nominations_(fields_),
        trusted_(forward.forwarding.Trusts(forward.peer)),
        takes_trailers_(request_.minor_version() == 1 &&
                        fields_.HasToken(FieldName::kTe, "trailers")),
        has_edits_(forward.fields != nullptr || !edits().set.empty() || !edits().remove.empty() ||
                   forward.route.auth_request.has_value()) {}

  std::string Build() {
    out_.reserve(Size());
    AppendRequestLine();
    output_.Add("Host", Host());
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (Passes(i)) output_.Keep(i);
    }
    output_.Flush();
    AppendFraming();
    AppendOwn();
    AppendEdits();
    out_ += "\r\n";
    return std::move(out_);
  }

 private:
  [[nodiscard]] const config::HeaderEdits& edits() const { return forward_.route.request_headers; }

  [[nodiscard]] size_t Size() const {
    size_t size = fields_.bytes().size() + forward_.target.size() + forward_.route.host.size() +
                  2 * request_.host().size() + kOwnBytes;
    for (const auto& [name, value] : edits().set) size += name.size() + value.size() + 4;
    if (forward_.fields == nullptr) return size;
    for (const auto& [name, value] : *forward_.fields) size += name.size() + value.size() + 4;
    return size;
  }

  void AppendRequestLine() {
    out_ += Method();
    out_ += ' ';
    if (!forward_.target.empty()) {
      out_ += forward_.target;
    } else if (request_.asterisk()) {
      out_ += '*';
    } else {
      AppendUpstreamPath(out_, RawPath(request_.target()), request_.path(), forward_.route);
      AppendQuery();
    }
    out_ += " HTTP/1.1\r\n";
  }

  [[nodiscard]] std::string_view Method() const {
    return forward_.method.empty() ? request_.method_text() : forward_.method;
  }

  void AppendQuery() {
    std::string_view query = request_.query();
    if (forward_.strip == nullptr || forward_.strip->parameters.empty()) {
      if (!query.empty() || request_.target().ends_with('?')) out_.append("?").append(query);
      return;
    }
    char separator = '?';
    while (!query.empty()) {
      const std::string_view pair = query.substr(0, query.find('&'));
      query.remove_prefix(std::min(pair.size() + 1, query.size()));
      const std::string name = http::DecodeQuery(pair.substr(0, pair.find('=')));
      if (Contains(forward_.strip->parameters, name)) continue;
      out_ += separator;
      out_ += pair;
      separator = '&';
    }
  }

  [[nodiscard]] std::string_view Host() const {
    if (!forward_.route.host.empty()) return forward_.route.host;
    return !request_.host().empty() ? request_.host() : forward_.route.upstream;
  }

  // Whether line i goes on as it is.
  bool Passes(size_t i) {
    const http::KnownField known = fields_.known(i);
    switch (known.name) {
      case FieldName::kOther:
        if (dropped_body() && IsContentField(fields_[i].name)) return false;
        if (nominations_.Has(i)) return false;
        break;
      case FieldName::kConnection:
      case FieldName::kContentLength:
      case FieldName::kExpect:
      case FieldName::kHost:
      case FieldName::kHttp2Settings:
      case FieldName::kKeepAlive:
      case FieldName::kProxyAuthenticate:
      case FieldName::kProxyAuthorization:
      case FieldName::kProxyConnection:
      case FieldName::kTe:
      case FieldName::kTrailer:
      case FieldName::kTransferEncoding:
      case FieldName::kUpgrade:
        return false;
      case FieldName::kXForwardedFor:
      case FieldName::kXForwardedHost:
      case FieldName::kXForwardedProto:
        return false;  // AppendOwn puts them together
      case FieldName::kForwarded:
      case FieldName::kXForwardedOther:
      case FieldName::kXRealIp:
        return trusted_ && !known.folded && !IsReplaced(fields_[i].name);
      case FieldName::kAuthorization:
        if (strip_authorization()) return false;
        break;
      case FieldName::kCookie:
        if (forward_.strip == nullptr || forward_.strip->cookies.empty()) break;
        if (!known.folded && !IsReplaced(fields_[i].name)) AppendCookies(fields_[i].value);
        return false;
      case FieldName::kContentDisposition:
      case FieldName::kContentType:
        if (dropped_body()) return false;
        break;
      default:
        break;
    }
    return !IsReplaced(fields_[i].name);
  }

  [[nodiscard]] bool dropped_body() const {
    return request_.has_body() && forward_.body == CallRequest::Body::kNone;
  }
  [[nodiscard]] bool strip_authorization() const {
    return forward_.strip != nullptr && forward_.strip->authorization;
  }

  // Whether fields of that name are set or removed here, so that the client's must not pass.
  [[nodiscard]] bool IsReplaced(std::string_view name) const {
    if (!has_edits_) return false;
    const auto folds = [name](std::string_view other) { return http::FoldsTo(name, other); };
    const auto pair_folds = [&](const auto& pair) { return folds(pair.first); };
    return std::any_of(edits().set.begin(), edits().set.end(), pair_folds) ||
           std::any_of(edits().remove.begin(), edits().remove.end(), folds) ||
           (forward_.fields != nullptr &&
            std::any_of(forward_.fields->begin(), forward_.fields->end(), pair_folds)) ||
           (forward_.route.auth_request &&
            std::any_of(forward_.route.auth_request->copy.begin(),
                        forward_.route.auth_request->copy.end(), folds));
  }

  // The Cookie line without those that are stripped.
  void AppendCookies(std::string_view cookies) {
    output_.Flush();
    std::string_view separator = "Cookie: ";
    while (!cookies.empty()) {
      const std::string_view pair = cookies.substr(0, cookies.find(';'));
      cookies.remove_prefix(std::min(pair.size() + 1, cookies.size()));
      const std::string_view kept = TrimOws(pair);
      const std::string name(TrimOws(kept.substr(0, kept.find('='))));
      if (kept.empty() || Contains(forward_.strip->cookies, name)) continue;
      out_.append(separator).append(kept);
      separator = "; ";
    }
    if (separator == "; ") out_ += "\r\n";
  }

  void AppendFraming() {
    switch (forward_.body) {
      case CallRequest::Body::kNone:
        if (ExpectsBody(Method())) out_ += "Content-Length: 0\r\n";
        break;
      case CallRequest::Body::kLength: {
        char text[20];
        const char* end = std::to_chars(text, std::end(text), forward_.length).ptr;
        out_ += "Content-Length: ";
        out_.append(text, static_cast<size_t>(end - text));
        out_ += "\r\n";
        break;
      }
      case CallRequest::Body::kChunked:
        out_ += "Transfer-Encoding: chunked\r\n";
        break;
    }
    if (forward_.upgrade) {
      out_ += takes_trailers_ ? "Connection: upgrade, TE\r\nUpgrade: websocket\r\n"
                              : "Connection: upgrade\r\nUpgrade: websocket\r\n";
    } else if (takes_trailers_) {
      out_ += "Connection: TE\r\n";
    }
    if (takes_trailers_) out_ += "TE: trailers\r\n";
  }

  void AppendOwn() {
    if (forward_.forwarding.via && !IsReplaced("via")) {
      out_ += request_.minor_version() == 1 ? "Via: 1.1 sluice\r\n" : "Via: 1.0 sluice\r\n";
    }
    if (!IsReplaced("x-forwarded-for")) AppendForwardedFor();
    const std::string_view scheme = forward_.tls ? "https" : "http";
    AppendTrusted("X-Forwarded-Proto: ", FieldName::kXForwardedProto, "x-forwarded-proto", scheme);
    AppendTrusted("X-Forwarded-Host: ", FieldName::kXForwardedHost, "x-forwarded-host",
                  request_.host());
    if (forward_.forwarding.forwarded && !IsReplaced("forwarded")) AppendForwarded(scheme);
  }

  // What a trusted peer says, else what we know.
  void AppendTrusted(std::string_view begin, FieldName name, std::string_view lower,
                     std::string_view own) {
    const auto said = trusted_ ? fields_.Find(name) : std::nullopt;
    const std::string_view value = said ? *said : own;
    if (value.empty() || IsReplaced(lower)) return;
    out_.append(begin).append(value).append("\r\n");
  }

  [[nodiscard]] bool has_address() const {
    using Family = net::PeerAddress::Family;
    return forward_.peer.family == Family::kIpv4 || forward_.peer.family == Family::kIpv6;
  }

  void AppendForwardedFor() {
    std::string_view separator = "X-Forwarded-For: ";
    for (size_t i = 0; trusted_ && i < fields_.size(); ++i) {
      const http::KnownField known = fields_.known(i);
      if (known.name != FieldName::kXForwardedFor || known.folded) continue;
      if (fields_[i].value.empty()) continue;
      out_.append(separator).append(fields_[i].value);
      separator = ", ";
    }
    if (has_address()) {
      out_ += separator;
      forward_.peer.AppendHost(out_);
      separator = ", ";
    }
    if (separator == ", ") out_ += "\r\n";
  }

  // RFC 7239. A trusted peer's own lines were kept before it.
  void AppendForwarded(std::string_view scheme) {
    out_ += "Forwarded: for=";
    if (!has_address()) {
      out_ += "unknown";
    } else if (forward_.peer.family == net::PeerAddress::Family::kIpv6) {
      out_ += "\"[";
      forward_.peer.AppendHost(out_);
      out_ += "]\"";
    } else {
      forward_.peer.AppendHost(out_);
    }
    if (!request_.host().empty()) {
      out_ += ";host=";
      AppendNode(out_, request_.host());
    }
    out_.append(";proto=").append(scheme).append("\r\n");
  }

  void AppendEdits() {
    for (const auto& [name, value] : edits().set) output_.Add(name, value);
    if (forward_.fields == nullptr) return;
    for (const auto& [name, value] : *forward_.fields) {
      const std::string_view own = name;
      const auto same = [own](const auto& edit) { return http::EqualsIgnoreCase(own, edit.first); };
      const auto gone = [own](const auto& removed) { return http::EqualsIgnoreCase(own, removed); };
      if (std::none_of(edits().set.begin(), edits().set.end(), same) &&
          std::none_of(edits().remove.begin(), edits().remove.end(), gone)) {
        output_.Add(name, value);
      }
    }
  }

  const ForwardRequest& forward_;
  const http::Request& request_;
  const http::FieldLines& fields_;
  std::string out_;
  HeadOutput output_;
  Nominations nominations_;
  bool trusted_;
  bool takes_trailers_;  // the client
  bool has_edits_;       // of ours
};

}  // namespace

std::string ForwardRequestHead(const ForwardRequest& forward) {
  return Builder(forward).Build();
}

net::PeerAddress ClientAddress(const http::Request& request, const config::Forwarding& forwarding,
                               const net::PeerAddress& peer) {
  net::PeerAddress client = peer;
  if (!request.fields().Has(FieldName::kXForwardedFor) || !forwarding.Trusts(peer)) return client;
  for (size_t i = request.header_count(); i-- > 0;) {
    const http::KnownField known = request.fields().known(i);
    if (known.name != FieldName::kXForwardedFor || known.folded) continue;
    std::string_view list = request.header(i).value;
    while (!list.empty()) {
      const size_t comma = list.rfind(',');
      const size_t begin = comma == std::string_view::npos ? 0 : comma + 1;
      const std::string_view last = TrimOws(list.substr(begin));
      list = list.substr(0, begin == 0 ? 0 : comma);
      if (last.empty()) continue;
      const std::optional<net::PeerAddress> address = net::ParsePeerAddress(last);
      if (!address) return client;  // whoever wrote that cannot be followed further
      client = *address;
      if (!forwarding.Trusts(client)) return client;
    }
  }
  return client;
}

}  // namespace sluice::proxy
