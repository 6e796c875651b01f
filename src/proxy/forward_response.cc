#include "sluice/proxy/forward_response.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "proxy/head_output.h"
#include "proxy/nominations.h"
#include "sluice/http/response.h"
#include "sluice/http/status.h"

namespace sluice::proxy {
namespace {

using http::FieldName;

constexpr int kSwitchingProtocols = 101;
constexpr int kNoContent = 204;
constexpr int kUpgradeRequired = 426;

// Of those by which the app lets pages of other origins in; not what it shows them.
bool IsOfCors(std::string_view name) {
  constexpr std::string_view kPrefix = "access-control-";
  return name.size() > kPrefix.size() &&
         http::EqualsIgnoreCase(name.substr(0, kPrefix.size()), kPrefix) &&
         !http::EqualsIgnoreCase(name.substr(kPrefix.size()), "expose-headers");
}

class Builder {
 public:
  explicit Builder(const ForwardResponse& forward)
      : forward_(forward),
        head_(forward.head),
        fields_(forward.head.fields()),
        output_(fields_),
        nominations_(fields_),
        has_edits_(!edits().set.empty() || !edits().remove.empty()) {}

  std::string Build(bool interim) {
    PutStatusLine();
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (Passes(i, interim)) output_.Keep(i);
    }
    output_.Flush();
    if (!interim) {
      AppendOwn();
      for (const auto& [name, value] : edits().set) output_.PutField(name, value);
    }
    output_.Put("\r\n");
    return output_.Text();
  }

 private:
  [[nodiscard]] const config::HeaderEdits& edits() const { return forward_.route.response_headers; }

  void PutStatusLine() {
    char line[] = "HTTP/1.1 000 ";
    std::to_chars(line + 9, line + 12, head_.status());
    output_.Put(std::string_view(line, sizeof line - 1),
                head_.reason().empty() ? http::ReasonPhrase(head_.status()) : head_.reason(),
                "\r\n");
  }

  // Whether line i goes on as it is.
  [[nodiscard]] bool Passes(size_t i, bool interim) const {
    const http::KnownField known = fields_.known(i);
    switch (known.name) {
      case FieldName::kOther:
        if (nominations_.Has(i)) return false;
        break;
      case FieldName::kXAccelBuffering:
      case FieldName::kXAccelLimitRate:
      case FieldName::kXAccelOther:
      case FieldName::kXAccelRedirect:
        return false;
      case FieldName::kContentLength:
        // Of HEAD and 304, too: it is the length of what GET would send (RFC 9110 8.6).
        if (known.folded || interim || forward_.chunked || head_.status() == kNoContent ||
            head_.status() == kSwitchingProtocols) {
          return false;
        }
        break;
      default:
        if (http::IsHopByHop(known.name)) return false;
        break;
    }
    if (forward_.cors != nullptr && IsOfCors(fields_[i].name)) return false;
    return !IsReplaced(fields_[i].name);
  }

  [[nodiscard]] bool IsReplaced(std::string_view name) const {
    return has_edits_ && FindEdit(name);
  }
  [[nodiscard]] bool FindEdit(std::string_view name) const {
    return std::any_of(
               edits().set.begin(), edits().set.end(),
               [name](const auto& edit) { return http::EqualsIgnoreCase(name, edit.first); }) ||
           std::any_of(edits().remove.begin(), edits().remove.end(), [name](const auto& removed) {
             return http::EqualsIgnoreCase(name, removed);
           });
  }

  void AppendOwn() {
    if (forward_.kept != nullptr) AppendKept(*forward_.kept);
    if (forward_.cors != nullptr) {
      for (const auto& [name, value] : *forward_.cors) {
        if (!IsReplaced(name)) output_.PutField(name, value);
      }
    }
    if (!fields_.Has(FieldName::kDate) && !IsReplaced("date")) {
      output_.PutField("Date", http::CurrentDate());
    }
    if (forward_.forwarding.via && !IsReplaced("via")) {
      output_.Put(head_.minor_version() == 1 ? "Via: 1.1 sluice\r\n" : "Via: 1.0 sluice\r\n");
    }
    if (head_.status() == kSwitchingProtocols) {
      output_.Put("Connection: upgrade\r\nUpgrade: websocket\r\n");
      return;
    }
    if (forward_.chunked) output_.Put("Transfer-Encoding: chunked\r\n");
    if (RequiresWebSocket()) {
      output_.Put(forward_.keep_alive ? "Connection: upgrade\r\nUpgrade: websocket\r\n"
                                      : "Connection: upgrade, close\r\nUpgrade: websocket\r\n");
    } else if (!forward_.keep_alive) {
      output_.Put("Connection: close\r\n");
    } else if (forward_.minor_version == 0) {
      output_.Put("Connection: keep-alive\r\n");
    }
  }

  // 426 has to say to what (RFC 9110 15.5.22), and WebSocket is what a client can have from here.
  [[nodiscard]] bool RequiresWebSocket() const {
    return head_.status() == kUpgradeRequired && forward_.minor_version == 1 &&
           forward_.route.websocket && fields_.HasToken(FieldName::kUpgrade, "websocket");
  }

  void AppendKept(const FieldList& kept) {
    for (const auto& [name, value] : kept) {
      const FieldName known = http::FindFieldName(name).name;
      const bool beside = known == FieldName::kSetCookie || known == FieldName::kCacheControl;
      if ((beside || !fields_.Has(known)) && !IsReplaced(name)) output_.PutField(name, value);
    }
  }

  const ForwardResponse& forward_;
  const http::ResponseHead& head_;
  const http::FieldLines& fields_;
  HeadOutput output_;
  Nominations nominations_;
  bool has_edits_;
};

}  // namespace

std::string ForwardResponseHead(const ForwardResponse& forward) {
  return Builder(forward).Build(false);
}

std::string ForwardInterimHead(const ForwardResponse& forward) {
  return Builder(forward).Build(true);
}

}  // namespace sluice::proxy
