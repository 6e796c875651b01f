#include "sluice/http/field_name.h"

#include <algorithm>
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

// A name in lower case, as a template's argument: so its words are constants.
template <size_t kSize>
struct Literal {
  char text[kSize] = {};
  // NOLINTNEXTLINE(google-explicit-constructor): it stands for the literal
  consteval Literal(const char (&literal)[kSize]) { std::copy_n(literal, kSize, text); }
  static constexpr size_t kLength = kSize - 1;

  [[nodiscard]] constexpr uint64_t Word(size_t at, size_t count) const {
    uint64_t word = 0;
    for (size_t i = 0; i < count; ++i) {
      word |= static_cast<uint64_t>(static_cast<unsigned char>(text[at + i])) << (8 * i);
    }
    return word;
  }
  [[nodiscard]] constexpr uint64_t LetterMask(size_t at, size_t count) const {
    uint64_t mask = 0;
    for (size_t i = 0; i < count; ++i) {
      if (text[at + i] != '-') mask |= uint64_t{0xFF} << (8 * i);
    }
    return mask;
  }
};

// How a name differs from kName: anywhere, and in its letters.
struct Difference {
  uint64_t all = 0;
  uint64_t letters = 0;
};

template <Literal kName, size_t kAt, size_t kCount>
void Compare(const char* name, Difference& difference) {
  constexpr uint64_t kWord = kName.Word(kAt, kCount);
  constexpr uint64_t kBytes = kCount == 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * kCount % 64)) - 1;
  constexpr uint64_t kLetters = kName.LetterMask(kAt, kCount);
  uint64_t word = 0;
  std::memcpy(&word, name + kAt, kCount);
  const uint64_t differs = ((word | kLowerBits) ^ kWord) & kBytes;
  difference.all |= differs;
  difference.letters |= differs & kLetters;
}

// REQUIRES: `name` has the size of kName.
template <Literal kName>
Difference DifferenceTo(const char* name) {
  constexpr size_t kLength = kName.kLength;
  static_assert(kLength <= 24);
  Difference difference;
  if constexpr (kLength < 8) {
    Compare<kName, 0, kLength>(name, difference);
  } else {
    Compare<kName, 0, 8>(name, difference);
    if constexpr (kLength > 16) Compare<kName, 8, 8>(name, difference);
    Compare<kName, kLength - 8, 8>(name, difference);
  }
  return difference;
}

constexpr char Folded(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  return IsAlphanumeric(c) ? c : '-';
}

// Of what has the letters of `literal`: nothing that counts as a letter may stand for a '-'.
KnownField LookClosely(std::string_view name, std::string_view literal, FieldName known) {
  for (size_t i = 0; i < literal.size(); ++i) {
    if (literal[i] == '-' && IsAlphanumeric(name[i])) return {};
  }
  return {known, true};
}

template <Literal kName>
bool Is(std::string_view name, FieldName known, KnownField& found) {
  const Difference difference = DifferenceTo<kName>(name.data());
  if (difference.letters != 0) return false;
  found = difference.all == 0 ? KnownField{known, false}
                              : LookClosely(name, {kName.text, kName.kLength}, known);
  return true;
}

// Names of which only the beginning is known.
KnownField FindFamily(std::string_view name) {
  KnownField found;
  if (name.size() > 12 && Is<"x-forwarded-">(name, FieldName::kXForwardedOther, found)) {
    return found;
  }
  if (name.size() > 8) static_cast<void>(Is<"x-accel-">(name, FieldName::kXAccelOther, found));
  return found;
}

}  // namespace

KnownField FindFieldName(std::string_view name) {
  KnownField found;
  switch (name.size()) {
    case 2:
      Is<"te">(name, FieldName::kTe, found);
      return found;
    case 3:
      Is<"via">(name, FieldName::kVia, found);
      return found;
    case 4:
      Is<"host">(name, FieldName::kHost, found) || Is<"date">(name, FieldName::kDate, found);
      return found;
    case 6:
      Is<"cookie">(name, FieldName::kCookie, found) ||
          Is<"expect">(name, FieldName::kExpect, found) ||
          Is<"server">(name, FieldName::kServer, found);
      return found;
    case 7:
      Is<"upgrade">(name, FieldName::kUpgrade, found) ||
          Is<"expires">(name, FieldName::kExpires, found) ||
          Is<"trailer">(name, FieldName::kTrailer, found);
      return found;
    case 9:
      Is<"forwarded">(name, FieldName::kForwarded, found) ||
          Is<"x-real-ip">(name, FieldName::kXRealIp, found);
      break;
    case 10:
      Is<"connection">(name, FieldName::kConnection, found) ||
          Is<"keep-alive">(name, FieldName::kKeepAlive, found) ||
          Is<"set-cookie">(name, FieldName::kSetCookie, found);
      break;
    case 12:
      Is<"content-type">(name, FieldName::kContentType, found);
      break;
    case 13:
      Is<"authorization">(name, FieldName::kAuthorization, found) ||
          Is<"cache-control">(name, FieldName::kCacheControl, found) ||
          Is<"accept-ranges">(name, FieldName::kAcceptRanges, found);
      break;
    case 14:
      Is<"content-length">(name, FieldName::kContentLength, found) ||
          Is<"http2-settings">(name, FieldName::kHttp2Settings, found);
      break;
    case 15:
      Is<"x-forwarded-for">(name, FieldName::kXForwardedFor, found);
      break;
    case 16:
      Is<"x-forwarded-host">(name, FieldName::kXForwardedHost, found) ||
          Is<"x-accel-redirect">(name, FieldName::kXAccelRedirect, found) ||
          Is<"proxy-connection">(name, FieldName::kProxyConnection, found);
      break;
    case 17:
      Is<"transfer-encoding">(name, FieldName::kTransferEncoding, found) ||
          Is<"x-forwarded-proto">(name, FieldName::kXForwardedProto, found) ||
          Is<"x-accel-buffering">(name, FieldName::kXAccelBuffering, found);
      break;
    case 18:
      Is<"proxy-authenticate">(name, FieldName::kProxyAuthenticate, found) ||
          Is<"x-accel-limit-rate">(name, FieldName::kXAccelLimitRate, found);
      break;
    case 19:
      Is<"content-disposition">(name, FieldName::kContentDisposition, found) ||
          Is<"proxy-authorization">(name, FieldName::kProxyAuthorization, found);
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
