// The names of fields that Sluice itself knows, found once for each line when a head is parsed.
// Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::http {

enum class FieldName : uint8_t {
  kOther,
  kAcceptRanges,
  kAuthorization,
  kCacheControl,
  kConnection,
  kContentDisposition,
  kContentLength,
  kContentType,
  kCookie,
  kDate,
  kExpect,
  kExpires,
  kForwarded,
  kHost,
  kHttp2Settings,
  kKeepAlive,
  kProxyAuthenticate,
  kProxyAuthorization,
  kProxyConnection,
  kServer,
  kSetCookie,
  kTe,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kVia,
  kXAccelBuffering,
  kXAccelLimitRate,
  kXAccelRedirect,
  kXAccelOther,  // X-Accel-Expires, -Charset and all that begins like them
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedProto,
  kXForwardedOther,  // X-Forwarded-Port and all that begins like it
  kXRealIp,
};

// `folded`: not the name itself, but an application may take it for that one: CGI, and all who
// follow it, make '_' of every character that is neither letter nor digit.
struct KnownField {
  FieldName name = FieldName::kOther;
  bool folded = false;
};

// In any case of letters.
[[nodiscard]] KnownField FindFieldName(std::string_view name);

// Whether fields of that name are always about one connection and end at it, whatever Connection
// nominates (RFC 9110 7.6.1, 11.7). What we make of them for the other side is our own.
[[nodiscard]] constexpr bool IsHopByHop(FieldName name) {
  switch (name) {
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
      return true;
    default:
      return false;
  }
}

// Whether an application may take two names for the same.
[[nodiscard]] bool FoldsTo(std::string_view a, std::string_view b);

}  // namespace sluice::http
