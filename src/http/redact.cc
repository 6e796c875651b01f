#include "sluice/http/redact.h"

#include <algorithm>
#include <array>

#include "sluice/http/query.h"

namespace sluice::http {
namespace {

constexpr std::string_view kMask = "***";
// How often a value is decoded and looked into.
constexpr int kMaxDepth = 3;
constexpr std::array<std::string_view, 15> kAlwaysSecret = {
    "token", "access_token", "id_token",  "refresh_token", "jwt",
    "key",   "api_key",      "secret",    "password",      "authorization",
    "auth",  "session",      "signature", "sig",           "apikey"};

// How names are compared: without case, '-' and '_'. A name of nothing else stays as it is.
std::string Plain(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (c == '-' || c == '_' || c == ' ') continue;
    plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return plain.empty() ? std::string(name) : plain;
}

// Where the authority of a URL begins; npos if it has none. Browsers take '\' for '/'.
size_t FindAuthority(std::string_view url) {
  size_t slashes = 0;
  if (const size_t colon = url.find(':'); colon < url.find_first_of("/\\?#")) slashes = colon + 1;
  const auto is_slash = [&](size_t i) {
    return i < url.size() && (url[i] == '/' || url[i] == '\\');
  };
  return is_slash(slashes) && is_slash(slashes + 1) ? slashes + 2 : std::string_view::npos;
}

}  // namespace

Redactor::Redactor() {
  for (const std::string_view name : kAlwaysSecret) AddName(name);
}

void Redactor::AddName(std::string_view name) {
  if (!IsListed(name)) names_.push_back(Plain(name));
}

void Redactor::Append(std::string& out, std::string_view url) const {
  (void)Append(out, url, 0);
}

bool Redactor::Append(std::string& out, std::string_view url, int depth) const {
  // Without one of these there is neither a value, nor userinfo, nor an encoded one of them.
  if (url.find_first_of("=@%") == std::string_view::npos) {
    out += url;
    return false;
  }
  bool redacted = AppendUserinfo(out, url);
  // The path, the query's pairs and the fragment's. The first '?' and the first '#' end what was
  // before; further ones belong to a value.
  std::string_view ends = "?#&";
  while (true) {
    const size_t end = url.find_first_of(ends);
    redacted = AppendPair(out, url.substr(0, end), depth) || redacted;
    if (end == std::string_view::npos) return redacted;
    if (url[end] == '?' && ends.size() == 3) ends = "#&";
    if (url[end] == '#') ends = "&";
    out += url[end];
    url.remove_prefix(end + 1);
  }
}

// Scheme and userinfo, if there is any; they are cut off the front of `rest`.
bool Redactor::AppendUserinfo(std::string& out, std::string_view& rest) const {
  const size_t begin = FindAuthority(rest);
  if (begin == std::string_view::npos) return false;
  const size_t end = std::min(rest.find_first_of("/\\?#", begin), rest.size());
  const size_t at = rest.substr(0, end).rfind('@');
  if (at == std::string_view::npos || at < begin) return false;
  out += rest.substr(0, begin);
  out += kMask;
  rest.remove_prefix(at);
  return true;
}

bool Redactor::AppendPair(std::string& out, std::string_view pair, int depth) const {
  const size_t first = pair.find('=');
  // "a=1;token=x": any of several may be the one.
  for (size_t equals = first; equals != std::string_view::npos;
       equals = pair.find('=', equals + 1)) {
    if (!IsSecret(pair.substr(0, equals))) continue;
    out += pair.substr(0, equals + 1);
    out += kMask;
    return true;
  }
  // A pair that was encoded whole has no '='.
  const size_t begin = first == std::string_view::npos ? 0 : first + 1;
  const std::string_view value = pair.substr(begin);
  if (!HoldsSecret(value, depth)) {
    out += pair;
    return false;
  }
  // What is secret is behind what is encoded, but for a password, which is before an '@'.
  const size_t kept = value.find('@') == std::string_view::npos ? value.find('%') : 0;
  out += pair.substr(0, begin + kept);
  out += kMask;
  return true;
}

// Whether a value is, once decoded, something of which a part is secret.
bool Redactor::HoldsSecret(std::string_view value, int depth) const {
  if (depth == kMaxDepth || value.find_first_of("@%") == std::string_view::npos) return false;
  std::string unused;
  return Append(unused, DecodeQuery(value), depth + 1);
}

// `left` is what stands before a '='. In "a/b;token" it is the last part that names the value.
bool Redactor::IsSecret(std::string_view left) const {
  const std::string decoded = DecodeQuery(left.substr(left.find_last_of("/;?#,=") + 1));
  std::string_view name = decoded;
  name.remove_prefix(name.find_last_of("/;?#,=&") + 1);
  if (IsListed(name)) return true;
  while (!name.empty()) {
    const std::string_view part = name.substr(0, name.find_first_of("[]."));
    if (!part.empty() && IsListed(part)) return true;
    name.remove_prefix(std::min(part.size() + 1, name.size()));
  }
  return false;
}

bool Redactor::IsListed(std::string_view name) const {
  return std::find(names_.begin(), names_.end(), Plain(name)) != names_.end();
}

}  // namespace sluice::http
