#include "sluice/http/field_name.h"

#include <bit>
#include <cstddef>
#include <cstring>

#include "http/text.h"

namespace sluice::http {
namespace {

// Names are compared eight bytes at a time, in lower case: 0x20 makes letters lower and leaves '-'
// and digits alone. It may make other characters look like the literal's only where those are no
// token characters. Where the literal has '-' anything is taken, to be looked at again.
constexpr uint64_t kLowerBits = 0x2020202020202020;
static_assert(std::endian::native == std::endian::little, "words are built from their first byte");

template <size_t kSize>
constexpr uint64_t LiteralWord(const char (&literal)[kSize], size_t at, size_t count) {
  uint64_t word = 0;
  for (size_t i = 0; i < count; ++i) {
    word |= static_cast<uint64_t>(static_cast<unsigned char>(literal[at + i])) << (8 * i);
  }
  return word;
}

template <size_t kSize>
constexpr uint64_t LetterMask(const char (&literal)[kSize], size_t at, size_t count) {
  uint64_t mask = 0;
  for (size_t i = 0; i < count; ++i) {
    if (literal[at + i] != '-') mask |= uint64_t{0xFF} << (8 * i);
  }
  return mask;
}

template <size_t kCount>
uint64_t LoadLower(const char* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, kCount);
  return word | kLowerBits;
}

// Whether the letters of `name` are those of the lower-case `literal`. REQUIRES: the same size.
template <size_t kSize>
bool LettersMatch(const char* name, const char (&literal)[kSize]) {
  constexpr size_t kLength = kSize - 1;
  uint64_t differs = 0;
  if constexpr (kLength < 8) {
    differs = (LoadLower<kLength>(name) ^ LiteralWord(literal, 0, kLength)) &
              LetterMask(literal, 0, kLength);
  } else {
    for (size_t at = 0; at + 8 <= kLength; at += 8) {
      differs |=
          (LoadLower<8>(name + at) ^ LiteralWord(literal, at, 8)) & LetterMask(literal, at, 8);
    }
    constexpr size_t kLast = kLength - 8;
    differs |= (LoadLower<8>(name + kLast) ^ LiteralWord(literal, kLast, 8)) &
               LetterMask(literal, kLast, 8);
  }
  return differs == 0;
}

constexpr char Folded(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  return IsAlphanumeric(c) ? c : '-';
}

// Looks closely at what matched.
KnownField Exactly(std::string_view name, std::string_view literal, FieldName known) {
  bool folded = false;
  for (size_t i = 0; i < literal.size(); ++i) {
    if (literal[i] != '-') continue;
    if (IsAlphanumeric(name[i])) return {};
    folded = folded || name[i] != '-';
  }
  return {known, folded};
}

template <size_t kSize>
bool Is(std::string_view name, const char (&literal)[kSize], FieldName known, KnownField& found) {
  if (!LettersMatch(name.data(), literal)) return false;
  found = Exactly(name, {literal, kSize - 1}, known);
  return true;
}

// Names of which only the beginning is known.
KnownField FindFamily(std::string_view name) {
  KnownField found;
  if (name.size() > 12 && Is(name, "x-forwarded-", FieldName::kXForwardedOther, found)) {
    return found;
  }
  if (name.size() > 8) static_cast<void>(Is(name, "x-accel-", FieldName::kXAccelOther, found));
  return found;
}

}  // namespace

KnownField FindFieldName(std::string_view name) {
  KnownField found;
  switch (name.size()) {
    case 2:
      Is(name, "te", FieldName::kTe, found);
      return found;
    case 3:
      Is(name, "via", FieldName::kVia, found);
      return found;
    case 4:
      Is(name, "host", FieldName::kHost, found) || Is(name, "date", FieldName::kDate, found);
      return found;
    case 6:
      Is(name, "cookie", FieldName::kCookie, found) ||
          Is(name, "expect", FieldName::kExpect, found) ||
          Is(name, "server", FieldName::kServer, found);
      return found;
    case 7:
      Is(name, "upgrade", FieldName::kUpgrade, found) ||
          Is(name, "expires", FieldName::kExpires, found) ||
          Is(name, "trailer", FieldName::kTrailer, found);
      return found;
    case 9:
      Is(name, "forwarded", FieldName::kForwarded, found) ||
          Is(name, "x-real-ip", FieldName::kXRealIp, found);
      break;
    case 10:
      Is(name, "connection", FieldName::kConnection, found) ||
          Is(name, "keep-alive", FieldName::kKeepAlive, found) ||
          Is(name, "set-cookie", FieldName::kSetCookie, found);
      break;
    case 12:
      Is(name, "content-type", FieldName::kContentType, found);
      break;
    case 13:
      Is(name, "authorization", FieldName::kAuthorization, found) ||
          Is(name, "cache-control", FieldName::kCacheControl, found) ||
          Is(name, "accept-ranges", FieldName::kAcceptRanges, found);
      break;
    case 14:
      Is(name, "content-length", FieldName::kContentLength, found) ||
          Is(name, "http2-settings", FieldName::kHttp2Settings, found);
      break;
    case 15:
      Is(name, "x-forwarded-for", FieldName::kXForwardedFor, found);
      break;
    case 16:
      Is(name, "x-forwarded-host", FieldName::kXForwardedHost, found) ||
          Is(name, "x-accel-redirect", FieldName::kXAccelRedirect, found) ||
          Is(name, "proxy-connection", FieldName::kProxyConnection, found);
      break;
    case 17:
      Is(name, "transfer-encoding", FieldName::kTransferEncoding, found) ||
          Is(name, "x-forwarded-proto", FieldName::kXForwardedProto, found) ||
          Is(name, "x-accel-buffering", FieldName::kXAccelBuffering, found);
      break;
    case 18:
      Is(name, "proxy-authenticate", FieldName::kProxyAuthenticate, found) ||
          Is(name, "x-accel-limit-rate", FieldName::kXAccelLimitRate, found);
      break;
    case 19:
      Is(name, "content-disposition", FieldName::kContentDisposition, found) ||
          Is(name, "proxy-authorization", FieldName::kProxyAuthorization, found);
      break;
    default:
      break;
  }
  if (found.name != FieldName::kOther) return found;
  return name.size() > 8 && (name.front() | 0x20) == 'x' ? FindFamily(name) : KnownField();
}

bool FoldsTo(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (Folded(a[i]) != Folded(b[i])) return false;
  }
  return true;
}

}  // namespace sluice::http
