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

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Methods whose requests servers expect to have a body, so that they want to be told of none
// (RFC 9110 8.6).
bool ExpectsBody(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

// RFC 7239 4: what is no token is quoted. Neither addresses nor hosts have '"' or '\'.
bool NeedsQuotes(std::string_view text) {
  return text.find_first_of(":[],;=") != std::string_view::npos;
}

bool TakesTrailers(const http::Request& request) {
  return request.minor_version() == 1 && request.fields().HasToken(FieldName::kTe, "trailers");
}

std::string_view MethodOf(const ForwardRequest& forward) {
  return forward.method.empty() ? forward.request.method_text() : forward.method;
}

bool StripsParameters(const ForwardRequest& forward) {
  return forward.strip != nullptr && !forward.strip->parameters.empty();
}

void AppendQuery(std::string& out, const ForwardRequest& forward) {
  std::string_view query = forward.request.query();
  if (!StripsParameters(forward)) {
    if (!query.empty() || forward.request.target().ends_with('?')) out.append("?").append(query);
    return;
  }
  char separator = '?';
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::string name = http::DecodeQuery(pair.substr(0, pair.find('=')));
    if (Contains(forward.strip->parameters, name)) continue;
    out += separator;
    out += pair;
    separator = '&';
  }
}

// The target, where it is not the client's as it came.
std::string RewrittenTarget(const ForwardRequest& forward) {
  std::string out;
  AppendUpstreamPath(out, RawPath(forward.request.target()), forward.request.path(), forward.route);
  AppendQuery(out, forward);
  return out;
}

class Builder {
 public:
  explicit Builder(const ForwardRequest& forward)
      : forward_(forward),
        request_(forward.request),
        fields_(forward.request.fields()),
        output_(fields_),
        nominations_(fields_),
        trusted_(forward.forwarding.Trusts(forward.peer)),
        takes_trailers_(TakesTrailers(request_)),
        has_edits_(forward.fields != nullptr || !edits().set.empty() || !edits().remove.empty() ||
                   forward.route.auth_request.has_value()) {
    using Family = net::PeerAddress::Family;
    const Family family = forward.peer.family;
    if (family == Family::kIpv4 || family == Family::kIpv6) forward.peer.AppendHost(address_);
  }

  std::string Build() {
    PutRequestLine();
    PutHost();
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (Passes(i)) output_.Keep(i);
    }
    output_.Flush();
    AppendFraming();
    AppendOwn();
    AppendEdits();
    output_.Put("\r\n");
    return output_.Text();
  }

 private:
  [[nodiscard]] const config::HeaderEdits& edits() const { return forward_.route.request_headers; }

  void PutRequestLine() {
    std::string rewritten;
    std::string_view target = request_.target();
    if (!forward_.target.empty()) {
      target = forward_.target;
    } else if (request_.asterisk()) {
      target = "*";
    } else if (!target.starts_with('/') || request_.path().dot_segments() ||
               forward_.route.strip_prefix || StripsParameters(forward_)) {
      rewritten = RewrittenTarget(forward_);
      target = rewritten;
    }
    output_.Put(MethodOf(forward_), " ", target, " HTTP/1.1\r\n");
  }

  void PutHost() {
    const std::string_view own = forward_.route.host;
    const std::string_view theirs = request_.host();
    output_.PutField("Host", !own.empty()      ? own
                             : !theirs.empty() ? theirs
                                               : forward_.route.upstream);
  }

  // Whether line i goes on as it is.
  bool Passes(size_t i) {
    const http::KnownField known = fields_.known(i);
    switch (known.name) {
      case FieldName::kOther:
        if (dropped_body() && IsContentField(fields_[i].name)) return false;
        if (nominations_.Has(i)) return false;
        break;
      case FieldName::kContentLength:
      case FieldName::kExpect:
      case FieldName::kHost:
      case FieldName::kXForwardedFor:  // these three are put together by AppendOwn
      case FieldName::kXForwardedHost:
      case FieldName::kXForwardedProto:
        return false;
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
        if (http::IsHopByHop(known.name)) return false;
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
    return has_edits_ && FindEdit(name);
  }
  [[nodiscard]] bool FindEdit(std::string_view name) const {
    const auto folds = [name](std::string_view other) { return http::FoldsTo(name, other); };
    const auto pair_folds = [&](const auto& pair) { return folds(pair.first); };
    const auto& copied = forward_.route.auth_request;
    return std::any_of(edits().set.begin(), edits().set.end(), pair_folds) ||
           std::any_of(edits().remove.begin(), edits().remove.end(), folds) ||
           (forward_.fields != nullptr &&
            std::any_of(forward_.fields->begin(), forward_.fields->end(), pair_folds)) ||
           (copied && std::any_of(copied->copy.begin(), copied->copy.end(), folds));
  }

  // The Cookie line without those that are stripped.
  void AppendCookies(std::string_view cookies) {
    output_.Flush();
    std::string_view separator = "Cookie: ";
    while (!cookies.empty()) {
      const std::string_view pair = cookies.substr(0, cookies.find(';'));
      cookies.remove_prefix(std::min(pair.size() + 1, cookies.size()));
      const std::string_view kept = TrimOws(pair);
      const std::string_view name = TrimOws(kept.substr(0, kept.find('=')));
      if (kept.empty() || Contains(forward_.strip->cookies, name)) continue;
      output_.Put(separator, kept);
      separator = "; ";
    }
    if (separator == "; ") output_.Put("\r\n");
  }

  void AppendFraming() {
    switch (forward_.body) {
      case CallRequest::Body::kNone:
        if (ExpectsBody(MethodOf(forward_))) output_.Put("Content-Length: 0\r\n");
        break;
      case CallRequest::Body::kLength: {
        char text[20];
        const char* end = std::to_chars(text, std::end(text), forward_.length).ptr;
        output_.PutField("Content-Length", {text, static_cast<size_t>(end - text)});
        break;
      }
      case CallRequest::Body::kChunked:
        output_.Put("Transfer-Encoding: chunked\r\n");
        break;
    }
    if (forward_.upgrade) {
      output_.Put(takes_trailers_ ? "Connection: upgrade, TE\r\nUpgrade: websocket\r\n"
                                  : "Connection: upgrade\r\nUpgrade: websocket\r\n");
    } else if (takes_trailers_) {
      output_.Put("Connection: TE\r\n");
    }
    if (takes_trailers_) output_.Put("TE: trailers\r\n");
  }

  void AppendOwn() {
    if (forward_.forwarding.via && !IsReplaced("via")) {
      output_.Put(request_.minor_version() == 1 ? "Via: 1.1 sluice\r\n" : "Via: 1.0 sluice\r\n");
    }
    if (!IsReplaced("x-forwarded-for")) AppendForwardedFor();
    const std::string_view scheme = forward_.tls ? "https" : "http";
    AppendTrusted("X-Forwarded-Proto", FieldName::kXForwardedProto, scheme);
    AppendTrusted("X-Forwarded-Host", FieldName::kXForwardedHost, request_.host());
    if (forward_.forwarding.forwarded && !IsReplaced("forwarded")) AppendForwarded(scheme);
  }

  // What a trusted peer says, else what we know.
  void AppendTrusted(std::string_view name, FieldName known, std::string_view own) {
    const auto said = trusted_ ? fields_.Find(known) : std::nullopt;
    const std::string_view value = said ? *said : own;
    if (!value.empty() && !IsReplaced(name)) output_.PutField(name, value);
  }

  void AppendForwardedFor() {
    std::string_view separator = "X-Forwarded-For: ";
    const auto put = [&](std::string_view value) {
      if (value.empty()) return;
      output_.Put(separator, value);
      separator = ", ";
    };
    for (size_t i = 0; trusted_ && i < fields_.size(); ++i) {
      const http::KnownField known = fields_.known(i);
      if (known.name == FieldName::kXForwardedFor && !known.folded) put(fields_[i].value);
    }
    put(address_);
    if (separator == ", ") output_.Put("\r\n");
  }

  // RFC 7239. A trusted peer's own lines were kept before it.
  void AppendForwarded(std::string_view scheme) {
    const bool is_v6 = forward_.peer.family == net::PeerAddress::Family::kIpv6;
    output_.Put(is_v6 ? "Forwarded: for=\"[" : "Forwarded: for=");
    output_.Put(address_.empty() ? "unknown" : address_);
    if (is_v6) output_.Put("]\"");
    const std::string_view host = request_.host();
    if (!host.empty()) {
      const bool quoted = NeedsQuotes(host);
      output_.Put(quoted ? ";host=\"" : ";host=");
      output_.Put(host);
      if (quoted) output_.Put("\"");
    }
    output_.Put(";proto=", scheme, "\r\n");
  }

  void AppendEdits() {
    if (!has_edits_) return;
    for (const auto& [name, value] : edits().set) output_.PutField(name, value);
    if (forward_.fields == nullptr) return;
    for (const auto& [name, value] : *forward_.fields) {
      const std::string_view own = name;
      const auto same = [own](const auto& edit) { return http::EqualsIgnoreCase(own, edit.first); };
      const auto gone = [own](const auto& removed) { return http::EqualsIgnoreCase(own, removed); };
      if (std::none_of(edits().set.begin(), edits().set.end(), same) &&
          std::none_of(edits().remove.begin(), edits().remove.end(), gone)) {
        output_.PutField(name, value);
      }
    }
  }

  const ForwardRequest& forward_;
  const http::Request& request_;
  const http::FieldLines& fields_;
  HeadOutput output_;
  Nominations nominations_;
  std::string address_;  // the peer's; empty: it has none
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
