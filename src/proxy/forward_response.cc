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

constexpr size_t kOwnBytes = 256;
constexpr int kSwitchingProtocols = 101;
constexpr int kNoContent = 204;

class Builder {
 public:
  explicit Builder(const ForwardResponse& forward)
      : forward_(forward),
        head_(forward.head),
        fields_(forward.head.fields()),
        output_(out_, fields_),
        nominations_(fields_),
        has_edits_(!edits().set.empty() || !edits().remove.empty()) {}

  std::string Build(bool interim) {
    out_.reserve(Size());
    AppendStatusLine();
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (Passes(i, interim)) output_.Keep(i);
    }
    output_.Flush();
    if (!interim) {
      AppendOwn();
      for (const auto& [name, value] : edits().set) output_.Add(name, value);
    }
    out_ += "\r\n";
    return std::move(out_);
  }

 private:
  [[nodiscard]] const config::HeaderEdits& edits() const { return forward_.route.response_headers; }

  [[nodiscard]] size_t Size() const {
    size_t size = fields_.bytes().size() + kOwnBytes;
    for (const auto& [name, value] : edits().set) size += name.size() + value.size() + 4;
    if (forward_.kept == nullptr) return size;
    for (const auto& [name, value] : *forward_.kept) size += name.size() + value.size() + 4;
    return size;
  }

  void AppendStatusLine() {
    char line[] = "HTTP/1.1 000 ";
    std::to_chars(line + 9, line + 12, head_.status());
    out_.append(line, sizeof line - 1);
    out_ += head_.reason().empty() ? http::ReasonPhrase(head_.status()) : head_.reason();
    out_ += "\r\n";
  }

  // Whether line i goes on as it is.
  [[nodiscard]] bool Passes(size_t i, bool interim) const {
    const http::KnownField known = fields_.known(i);
    switch (known.name) {
      case FieldName::kOther:
        if (nominations_.Has(i)) return false;
        break;
      case FieldName::kConnection:
      case FieldName::kHttp2Settings:
      case FieldName::kKeepAlive:
      case FieldName::kProxyAuthenticate:
      case FieldName::kProxyAuthorization:
      case FieldName::kProxyConnection:
      case FieldName::kTe:
      case FieldName::kTrailer:
      case FieldName::kTransferEncoding:
      case FieldName::kUpgrade:
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
        break;
    }
    return !IsReplaced(fields_[i].name);
  }

  [[nodiscard]] bool IsReplaced(std::string_view name) const {
    if (!has_edits_) return false;
    return std::any_of(
               edits().set.begin(), edits().set.end(),
               [name](const auto& edit) { return http::EqualsIgnoreCase(name, edit.first); }) ||
           std::any_of(edits().remove.begin(), edits().remove.end(), [name](const auto& removed) {
             return http::EqualsIgnoreCase(name, removed);
           });
  }

  void AppendOwn() {
    if (forward_.kept != nullptr) AppendKept(*forward_.kept);
    if (!fields_.Has(FieldName::kDate) && !IsReplaced("date")) {
      out_.append("Date: ").append(http::CurrentDate()).append("\r\n");
    }
    if (forward_.forwarding.via && !IsReplaced("via")) {
      out_ += head_.minor_version() == 1 ? "Via: 1.1 sluice\r\n" : "Via: 1.0 sluice\r\n";
    }
    if (head_.status() == kSwitchingProtocols) {
      out_ += "Connection: upgrade\r\nUpgrade: websocket\r\n";
      return;
    }
    if (forward_.chunked) out_ += "Transfer-Encoding: chunked\r\n";
    if (!forward_.keep_alive) {
      out_ += "Connection: close\r\n";
    } else if (forward_.minor_version == 0) {
      out_ += "Connection: keep-alive\r\n";
    }
  }

  void AppendKept(const FieldList& kept) {
    for (const auto& [name, value] : kept) {
      const FieldName known = http::FindFieldName(name).name;
      const bool beside = known == FieldName::kSetCookie || known == FieldName::kCacheControl;
      if ((beside || !fields_.Has(known)) && !IsReplaced(name)) output_.Add(name, value);
    }
  }

  const ForwardResponse& forward_;
  const http::ResponseHead& head_;
  const http::FieldLines& fields_;
  std::string out_;
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
