#include "cli/token.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/duration.h"
#include "sluice/base/clock.h"
#include "sluice/jose/jwt.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kName = "token";
constexpr uint64_t kMaxTtlMs = uint64_t{10} * 365 * 24 * 3'600'000;

struct Options {
  std::string scheme;
  std::string subject;
  std::vector<std::string> topics;
  std::vector<std::string> publish;
  uint64_t ttl_ms = 3'600'000;
  std::string key_path;
  std::string config_path;
  const CLI::Option* topics_option = nullptr;
  const CLI::Option* publish_option = nullptr;
};

// What was given, without empty entries: an empty list grants nothing.
std::optional<std::vector<std::string>> Patterns(const CLI::Option& option,
                                                 std::vector<std::string> patterns) {
  if (option.count() == 0) return std::nullopt;
  patterns.erase(std::remove(patterns.begin(), patterns.end(), ""), patterns.end());
  return patterns;
}

Result<jose::Key> ReadKey(const std::string& path) {
  std::ifstream file(path);
  if (!file) return FailSystem(fmt::format("--key {} cannot be opened", path), errno);
  const std::string pem(std::istreambuf_iterator<char>(file), {});
  auto key = jose::Key::FromPrivatePem(pem);
  if (!key) {
    return Fail(Errc::kUnavailable, fmt::format("--key {}: {}", path, key.error().message));
  }
  return key;
}

std::string NamesOf(const std::vector<jose::Algorithm>& algorithms) {
  std::string names;
  for (const jose::Algorithm algorithm : algorithms) {
    if (!names.empty()) names += ", ";
    names += jose::Name(algorithm);
  }
  return names;
}

struct Signer {
  jose::Key key;
  jose::Algorithm algorithm;
};

// Of the algorithms that the scheme takes, the first for which there is a key that signs.
Result<Signer> FindSigner(const config::Jwt& jwt, const Options& options) {
  std::vector<jose::Key> keys;
  if (!options.key_path.empty()) {
    auto key = ReadKey(options.key_path);
    if (!key) return tl::unexpected(key.error());
    keys.push_back(*std::move(key));
  } else {
    for (const jose::Key& key : jwt.keys->keys()) {
      if (key.secret_bytes() > 0) keys.push_back(key);
    }
  }
  for (const jose::Algorithm algorithm : jwt.algorithms) {
    for (const jose::Key& key : keys) {
      if (key.Fits(algorithm)) return Signer{key, algorithm};
    }
  }
  if (options.key_path.empty()) {
    return Fail(Errc::kNotFound,
                fmt::format("scheme {} has public keys only ({}): give the private key with --key "
                            "FILE",
                            options.scheme, NamesOf(jwt.algorithms)));
  }
  return Fail(Errc::kNotFound, fmt::format("--key {} does not fit the scheme's algorithms ({})",
                                           options.key_path, NamesOf(jwt.algorithms)));
}

Result<std::string> Mint(const config::Config& config, const Options& options) {
  const config::AuthScheme* scheme = FindScheme(config, options.scheme);
  if (scheme == nullptr) {
    std::string names;
    for (const auto& known : config.auth) names += (names.empty() ? "" : ", ") + known.name;
    return Fail(Errc::kNotFound, fmt::format("the configuration has no auth scheme {} (it has: {})",
                                             options.scheme, names.empty() ? "none" : names));
  }
  if (!scheme->jwt) {
    return Fail(Errc::kNotFound,
                fmt::format("scheme {} has static tokens only, which are written in the "
                            "configuration; there is nothing to mint",
                            options.scheme));
  }
  const config::Jwt& jwt = *scheme->jwt;
  const auto signer = FindSigner(jwt, options);
  if (!signer) return tl::unexpected(signer.error());
  jose::Claims claims;
  claims.subject = options.subject;
  claims.issuer = jwt.issuer;
  if (!jwt.audience.empty()) claims.audience.push_back(jwt.audience);
  claims.expires_ms = static_cast<int64_t>(WallMs() + options.ttl_ms);
  claims.topics = Patterns(*options.topics_option, options.topics);
  claims.publish = Patterns(*options.publish_option, options.publish);
  auto token = jose::SignToken(claims, signer->algorithm, signer->key);
  if (!token) return token;
  if (!jose::VerifyToken(*token, jwt.algorithms, *jwt.keys)) {
    return Fail(
        Errc::kNotFound,
        token->size() > jose::kMaxTokenBytes
            ? fmt::format("the token would be longer than {} bytes; name fewer topics, or "
                          "use patterns such as room:*",
                          jose::kMaxTokenBytes)
            : fmt::format("scheme {} would not take the token: is --key the private half of "
                          "its public key, and are there at most {} patterns?",
                          options.scheme, jose::kMaxPatterns));
  }
  return token;
}

int Run(Options& options) {
  const config::ConfigPtr config = LoadOrComplain(options.config_path);
  if (config == nullptr) return kFailed;
  const auto token = Mint(*config, options);
  if (!token) return Complain(kName, token.error().message);
  fmt::print("{}\n", *token);
  return kDone;
}

}  // namespace

void AddTokenCommand(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("token", "Mint a token (JWT) for a configured auth scheme");
  const auto options = std::make_shared<Options>();
  command->add_option("--auth", options->scheme, "the scheme's name under `auth:`")
      ->required()
      ->type_name("NAME");
  command->add_option("--sub", options->subject, "subject: who the bearer is")->type_name("SUB");
  options->topics_option =
      command
          ->add_option("--topics", options->topics,
                       "patterns of the topics that it may read, such as news,room:* (default: the "
                       "scheme's)")
          ->delimiter(',')
          ->type_name("LIST");
  options->publish_option =
      command
          ->add_option("--publish", options->publish,
                       "patterns of the topics that it may publish to (default: the scheme's)")
          ->delimiter(',')
          ->type_name("LIST");
  command->add_option("--ttl", options->ttl_ms, "how long it is valid, such as 15m (default 1h)")
      ->transform(Duration())
      ->check(CLI::Range(uint64_t{1'000}, kMaxTtlMs));
  command
      ->add_option("--key", options->key_path,
                   "the private key in PEM, for a scheme that has the public one only")
      ->type_name("FILE");
  AddConfigOption(*command, options->config_path);
  command->footer(
      "The token goes to standard output. An empty list, --publish '', grants nothing.\n"
      "Examples:\n"
      "  sluice token --auth members --sub alice --topics 'news,room:*' --ttl 15m\n"
      "  SLUICE_TOKEN=$(sluice token --auth members) sluice publish news hello");
  command->callback([options, &exit_code] { exit_code = Run(*options); });
}

}  // namespace sluice::cli
