#include "sluice/config/advice.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include <fmt/format.h>

#include "config/proxy_advice.h"

namespace sluice::config {
namespace {

// An HMAC key must be as long as the hash (RFC 7518 3.2): who can guess it can make tokens.
size_t LeastSecretBytes(jose::Algorithm algorithm) {
  switch (algorithm) {
    case jose::Algorithm::kHs256:
      return 32;
    case jose::Algorithm::kHs384:
      return 48;
    case jose::Algorithm::kHs512:
      return 64;
    default:
      return 0;
  }
}

void AdviseOnSecrets(const AuthScheme& scheme, std::vector<std::string>& advice) {
  if (!scheme.jwt) return;
  for (const jose::Algorithm algorithm : scheme.jwt->algorithms) {
    const size_t least = LeastSecretBytes(algorithm);
    for (const jose::Key& key : scheme.jwt->keys->keys()) {
      if (least == 0 || !key.Fits(algorithm) || key.secret_bytes() >= least) continue;
      advice.push_back(fmt::format(
          "auth.{}.jwt: a secret of {} bytes is short for {}, which wants {}: it may be guessed; "
          "make one with `openssl rand -hex 32`",
          scheme.name, key.secret_bytes(), jose::Name(algorithm), least));
    }
  }
}

void AdviseOnPublishing(const Config& config, std::vector<std::string>& advice) {
  const auto open = std::find_if(config.publish.begin(), config.publish.end(),
                                 [](const Publish& entry) { return entry.auth.empty(); });
  const auto reachable =
      std::find_if(config.listen.begin(), config.listen.end(),
                   [](const Listen& listen) { return !IsLocal(listen.endpoint); });
  if (open == config.publish.end() || reachable == config.listen.end()) return;
  advice.push_back(
      fmt::format("publish: everyone who reaches {} may publish on {} (auth: none); give it a "
                  "scheme, or listen on a loopback address",
                  reachable->endpoint.ToString(), open->path));
}

}  // namespace

std::vector<std::string> AdviceOn(const Config& config) {
  std::vector<std::string> advice;
  for (const AuthScheme& scheme : config.auth) AdviseOnSecrets(scheme, advice);
  AdviseOnPublishing(config, advice);
  AdviseOnProxy(config, advice);
  return advice;
}

}  // namespace sluice::config
