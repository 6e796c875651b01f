#include "http/trailers.h"

#include <algorithm>
#include <array>

#include "http/head_scan.h"
#include "http/text.h"

namespace sluice::http {
namespace {

// By their beginnings, with '-' for whatever an application may fold into it. Content-Digest alone
// of its kind is meant to stand there (RFC 9530 2).
constexpr std::string_view kDigest = "content-digest";
constexpr std::array<std::string_view, 8> kFamilies = {
    "content-", "if-", "proxy-", "x-forwarded-", "x-accel-", "x-real-", "access-control-", "sec-"};
constexpr std::array<std::string_view, 39> kNames = {
    "accept-ranges",
    "age",
    "allow",
    "alt-svc",
    "authentication-info",
    "authorization",
    "cache-control",
    "connection",
    "cookie",
    "cookie2",
    "date",
    "expect",
    "expires",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "last-event-id",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "range",
    "refresh",
    "retry-after",
    "server",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "x-http-method-override",
};

std::string Folded(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (!IsAlphanumeric(c)) c = '-';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

TrailersFed FeedTrailers(std::string_view bytes, uint32_t limit, LlhttpMachine& machine,
                         std::string& section) {
  using Event = TrailersFed::Event;
  const ScannedHead scanned = ScanHead(section, bytes);
  const size_t room = limit + kTrailersBegin.size() - section.size();
  const std::string_view piece = bytes.substr(0, std::min(scanned.size, room));
  const LlhttpMachine::Ran ran = machine.Run(piece, nullptr);
  section += piece;
  if (ran.fault != LlhttpFault::kNone) return {Event::kSyntax, ran.consumed};
  if (piece.size() < scanned.size) return {Event::kLimit, ran.consumed};
  if (scanned.strange || machine.message_complete() != scanned.ended ||
      (scanned.ended && section.find("\r\n:") != std::string::npos)) {
    return {Event::kLines, ran.consumed};
  }
  return {scanned.ended ? Event::kEnd : Event::kMore, ran.consumed};
}

bool MayBeTrailer(std::string_view name) {
  const std::string folded = Folded(name);
  if (folded == kDigest) return folded.size() == name.size() && name[7] == '-';
  return std::none_of(kFamilies.begin(), kFamilies.end(),
                      [&](std::string_view family) { return folded.starts_with(family); }) &&
         std::find(kNames.begin(), kNames.end(), folded) == kNames.end();
}

std::string KeepTrailers(std::string_view section, const FieldLines& head) {
  std::string out;
  section.remove_prefix(kTrailersBegin.size());
  while (section.size() > kTrailersBegin.size()) {
    const std::string_view line = section.substr(0, section.find("\r\n"));
    section.remove_prefix(line.size() + 2);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) continue;
    const std::string_view name = line.substr(0, colon);
    if (!MayBeTrailer(name) || head.HasToken(FieldName::kConnection, name)) continue;
    out.append(name).append(": ").append(TrimOws(line.substr(colon + 1))).append("\r\n");
  }
  return out;
}

}  // namespace sluice::http
