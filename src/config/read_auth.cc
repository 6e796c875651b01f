#include "config/read_auth.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "config/names.h"
#include "config/read_document.h"

namespace sluice::config {
namespace {

constexpr size_t kMaxNameBytes = 64;
constexpr size_t kMaxPatternBytes = 256;
constexpr uint64_t kHour = 3'600'000;

// A name in a query, cookie or `auth`.
bool IsToken(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

void ReadPatterns(Section& section, std::string_view key, Patterns& out) {
  Reader& reader = section.reader();
  const Value* value = section.Find(key);
  if (value == nullptr) return;
  out.emplace();
  reader.List(*value, [&](const Value& item) {
    std::optional<std::string> pattern = reader.Text(item);
    if (!pattern) return;
    if (pattern->empty() || pattern->size() > kMaxPatternBytes) {
      return reader.FailQuoting(item, fmt::format("is not 1 to {} bytes long", kMaxPatternBytes));
    }
    out->push_back(std::move(*pattern));
  });
}

void ReadPlaces(Section& scheme, AuthScheme& out) {
  const Value* value = scheme.Require("token",
                                      "; say where a token is looked for, such as "
                                      "{query: token, cookie: session, bearer: true}");
  if (value == nullptr) return;
  Reader& reader = scheme.reader();
  std::vector<std::pair<Mark, TokenPlace>> found;
  reader.Map(*value, [&](Section& places) {
    for (const auto& [key, kind] : {std::pair("query", TokenPlace::Kind::kQuery),
                                    std::pair("cookie", TokenPlace::Kind::kCookie)}) {
      const Value* name = places.Find(key);
      if (name == nullptr) continue;
      std::optional<std::string> text = reader.Text(*name);
      if (!text) continue;
      if (!IsToken(*text)) {
        reader.FailQuoting(*name, fmt::format("is not a name of 1 to {} letters, digits, and _ - .",
                                              kMaxNameBytes));
      }
      found.push_back({name->key_mark, {kind, std::move(*text)}});
    }
    bool bearer = false;
    places.Bool("bearer", bearer);
    if (bearer) found.push_back({places.Find("bearer")->key_mark, {}});
  });
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first.line, a.first.column) < std::tie(b.first.line, b.first.column);
  });
  for (auto& [mark, place] : found) out.places.push_back(std::move(place));
  if (found.empty()) reader.Fail(*value, "names no place where a token is looked for");
}

void ReadStatic(Section& scheme, AuthScheme& out) {
  const Value* value = scheme.Find("static");
  if (value == nullptr) return;
  Reader& reader = scheme.reader();
  reader.List(*value, [&](const Value& item) {
    reader.Map(item, [&](Section& entry) {
      StaticToken token;
      const Value* text = entry.Require("token");
      const std::optional<std::string> secret = text ? ReadSecret(reader, *text) : std::nullopt;
      if (secret && secret->empty()) reader.Fail(*text, "is empty");
      if (secret) token.digest = jose::Sha256(*secret);
      const Value* subject = entry.Find("subject");
      if (subject != nullptr) token.subject = reader.Text(*subject).value_or("");
      ReadPatterns(entry, "topics", token.topics);
      ReadPatterns(entry, "publish", token.publish);
      const auto same = [&](const StaticToken& other) { return other.digest == token.digest; };
      if (secret && std::any_of(out.tokens.begin(), out.tokens.end(), same)) {
        reader.Fail(*text, "is the token of an earlier entry, too");
      }
      out.tokens.push_back(std::move(token));
    });
  });
}

// The keys of a `jwt:`, from the one of secret, public_key and jwks that is given.
void ReadKeys(Section& section, const Value& map, Jwt& out) {
  Reader& reader = section.reader();
  const Value* secret = section.Find("secret");
  const Value* public_key = section.Find("public_key");
  const Value* jwks = section.Find("jwks");
  const int given = (secret != nullptr) + (public_key != nullptr) + (jwks != nullptr);
  if (given != 1) {
    return reader.FailAtKey(map, "needs exactly one of secret, public_key and jwks");
  }
  const Value& value = *(secret != nullptr ? secret : public_key != nullptr ? public_key : jwks);
  const std::optional<std::string> text = secret != nullptr ? ReadSecret(reader, value)
                                          : public_key != nullptr
                                              ? ReadDocument(reader, value, "-----BEGIN")
                                              : ReadDocument(reader, value, "{");
  if (!text) return;
  const auto single = [](Result<jose::Key> key) {
    return std::move(key).map([](jose::Key&& made) { return jose::KeySet(std::move(made)); });
  };
  Result<jose::KeySet> keys = secret != nullptr       ? single(jose::Key::FromSecret(*text))
                              : public_key != nullptr ? single(jose::Key::FromPublicPem(*text))
                                                      : jose::KeySet::FromJwks(*text);
  if (!keys) return reader.Fail(value, keys.error().message);
  out.keys = std::make_shared<const jose::KeySet>(std::move(*keys));
  out.key_text = jose::Sha256(*text);
}

void ReadAlgorithms(Section& section, Jwt& out) {
  Reader& reader = section.reader();
  const Value* value = section.Require("algorithms",
                                       "; name those that tokens are signed with, "
                                       "such as [HS256]");
  if (value == nullptr) return;
  reader.List(*value, [&](const Value& item) {
    const std::optional<std::string> name = reader.Text(item);
    if (!name) return;
    const auto algorithm = jose::ParseAlgorithm(*name);
    if (!algorithm) {
      return reader.FailQuoting(item,
                                "is not one of: HS256, HS384, HS512, RS256, PS256, ES256, EdDSA");
    }
    if (out.keys != nullptr && !out.keys->Fits(*algorithm)) {
      return reader.FailQuoting(
          item, "does not fit the key: " + std::string(jose::IsSymmetric(*algorithm)
                                                           ? "it takes a secret"
                                                           : "it takes another kind of key"));
    }
    out.algorithms.push_back(*algorithm);
  });
  if (value->node->kind == YamlNode::Kind::kList && value->node->entries.empty()) {
    reader.Fail(*value, "is an empty list");
  }
}

void ReadJwt(Section& scheme, AuthScheme& out) {
  const Value* value = scheme.Find("jwt");
  if (value == nullptr) return;
  Reader& reader = scheme.reader();
  reader.Map(*value, [&](Section& section) {
    Jwt& jwt = out.jwt.emplace();
    ReadKeys(section, *value, jwt);
    ReadAlgorithms(section, jwt);
    for (const auto& [key, target] :
         {std::pair("issuer", &jwt.issuer), std::pair("audience", &jwt.audience)}) {
      const Value* text = section.Find(key);
      if (text != nullptr) *target = reader.Text(*text).value_or("");
    }
    section.Duration("leeway", jwt.leeway_ms, {0, kHour});
  });
}

// "https://app.example:8443", as browsers send it in Origin (RFC 6454 7).
bool IsOrigin(std::string_view text) {
  if (text == "null") return true;
  size_t start = std::string_view::npos;
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (text.substr(0, scheme.size()) == scheme) start = scheme.size();
  }
  if (start == std::string_view::npos || start == text.size()) return false;
  const std::string_view authority = text.substr(start);
  return std::all_of(authority.begin(), authority.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view(".-:[]").find(c) != std::string_view::npos;
  });
}

}  // namespace

void ReadAuth(Reader& reader, const Value& auth, std::vector<AuthScheme>& out) {
  reader.Names(auth, [&](const std::string& name, const Value& value) {
    if (!IsToken(name) || name == "none") {
      reader.FailAtKey(value, fmt::format("a scheme's name is 1 to {} letters, digits, and _ - . "
                                          "(but not none)",
                                          kMaxNameBytes));
    }
    AuthScheme scheme;
    scheme.name = name;
    reader.Map(value, [&](Section& section) {
      ReadPlaces(section, scheme);
      ReadJwt(section, scheme);
      ReadStatic(section, scheme);
      ReadPatterns(section, "topics", scheme.topics);
      ReadPatterns(section, "publish", scheme.publish);
      if (section.Find("jwt") == nullptr && section.Find("static") == nullptr) {
        reader.FailAtKey(value, "accepts no token: give it jwt or static");
      }
    });
    out.push_back(std::move(scheme));
  });
}

void ReadCors(Section& section, std::optional<Cors>& out) {
  section.Map("cors", [&](Section& map) {
    Reader& reader = map.reader();
    Cors cors;
    const Value* origins = map.Require("origins");
    if (origins != nullptr) {
      reader.List(*origins, [&](const Value& item) {
        std::optional<std::string> origin = reader.Text(item);
        if (!origin) return;
        if (*origin != "*" && !IsOrigin(*origin)) {
          return reader.FailQuoting(item,
                                    "is not an origin such as https://app.example: scheme, "
                                    "host in small letters, port if any, and no path");
        }
        cors.origins.push_back(std::move(*origin));
      });
      const bool any =
          std::find(cors.origins.begin(), cors.origins.end(), "*") != cors.origins.end();
      if (any && cors.origins.size() > 1) {
        reader.Fail(*origins, "\"*\" stands for all origins, and alone");
      }
    }
    map.Bool("credentials", cors.credentials);
    if (cors.credentials && cors.any_origin()) {
      reader.Fail(*map.Find("credentials"),
                  "cannot be true with the origin \"*\": list the "
                  "origins that may send cookies");
    }
    map.Duration("max_age", cors.max_age_ms, {0, 24 * kHour});
    out = std::move(cors);
  });
}

std::optional<std::string> ReadSchemeName(Reader& reader, const Value& value,
                                          const std::vector<AuthScheme>& schemes) {
  std::optional<std::string> name = reader.Text(value);
  if (!name) return std::nullopt;
  if (*name == "none") return "";
  const AuthScheme* scheme = FindNamed(reader, value, schemes, "a scheme under `auth`");
  if (scheme == nullptr) return std::nullopt;
  return scheme->name;
}

}  // namespace sluice::config
