#include "cli/bench_protocol.h"

#include <initializer_list>
#include <iterator>

#include <fmt/format.h>

#include "sluice/http/response_parser.h"
#include "sluice/http/status.h"

namespace sluice::cli::bench {
namespace {

// Appends one command as an array of bulk strings (RESP).
void AppendCommand(std::initializer_list<std::string_view> arguments, std::string& out) {
  fmt::format_to(std::back_inserter(out), "*{}\r\n", arguments.size());
  for (const std::string_view argument : arguments) {
    fmt::format_to(std::back_inserter(out), "${}\r\n{}\r\n", argument.size(), argument);
  }
}

// AUTH and PUBLISH are answered by one line each: a number, a status or an error.
class RedisProtocol final : public PublishProtocol {
 public:
  explicit RedisProtocol(const PublishTarget& target)
      : user_(target.user), password_(target.password), channel_(target.channel) {}

  uint64_t Greet(std::string& out) override {
    if (password_.empty()) return 0;
    if (user_.empty()) {
      AppendCommand({"AUTH", password_}, out);
    } else {
      AppendCommand({"AUTH", user_, password_}, out);
    }
    return 1;
  }

  void Encode(std::string_view payload, std::string& out) override {
    AppendCommand({"PUBLISH", channel_, payload}, out);
  }

  Result<uint64_t> TakeReplies(std::string_view bytes) override {
    received_.append(bytes);
    uint64_t count = 0;
    size_t at = 0;
    for (size_t end = 0; (end = received_.find("\r\n", at)) != std::string::npos; at = end + 2) {
      const std::string_view line = std::string_view(received_).substr(at, end - at);
      if (!line.starts_with(':') && !line.starts_with('+')) {
        return Fail(Errc::kUnavailable, fmt::format("redis: {}", line));
      }
      ++count;
    }
    received_.erase(0, at);
    return count;
  }

 private:
  std::string user_;
  std::string password_;
  std::string channel_;
  std::string received_;  // a line that is not complete
};

class HttpProtocol final : public PublishProtocol {
 public:
  explicit HttpProtocol(const HttpUrl& url) : url_(url) {}

  uint64_t Greet(std::string&) override { return 0; }

  void Encode(std::string_view payload, std::string& out) override {
    fmt::format_to(std::back_inserter(out),
                   "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: text/plain\r\n"
                   "Content-Length: {}\r\n\r\n{}",
                   url_.target, url_.authority, payload.size(), payload);
  }

  Result<uint64_t> TakeReplies(std::string_view bytes) override {
    using Event = http::ResponseParser::Event;
    uint64_t count = 0;
    for (;;) {
      const auto fed = parser_.Feed(bytes, nullptr);
      bytes.remove_prefix(fed.consumed);
      switch (fed.event) {
        case Event::kMore:
          return count;
        case Event::kInterim:
          break;
        case Event::kHead:
          if (parser_.head().status() / 100 == 2) break;
          return Fail(Errc::kUnavailable,
                      fmt::format("publish refused: {} {}", parser_.head().status(),
                                  http::ReasonPhrase(parser_.head().status())));
        case Event::kEnd:
          ++count;
          parser_.Start({});
          break;
        case Event::kError:
          return tl::unexpected(parser_.error());
      }
    }
  }

 private:
  HttpUrl url_;
  http::ResponseLimits limits_;
  http::ResponseParser parser_{limits_};
};

Result<PublishTarget> ParseRedisUrl(std::string_view rest) {
  constexpr uint16_t kDefaultPort = 6379;
  PublishTarget target;
  target.kind = PublishTarget::Kind::kRedis;
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view credentials = rest.substr(0, at);
    const size_t colon = credentials.find(':');
    if (colon == std::string_view::npos) {
      return Fail(Errc::kInvalid, "--publish: expected redis://[user]:password@host:port");
    }
    target.user = credentials.substr(0, colon);
    target.password = credentials.substr(colon + 1);
    rest.remove_prefix(at + 1);
  }
  auto endpoint = ParseAuthority(rest.substr(0, rest.find('/')), kDefaultPort);
  if (!endpoint) return tl::unexpected(endpoint.error());
  target.endpoint = std::move(*endpoint);
  return target;
}

}  // namespace

std::unique_ptr<PublishProtocol> PublishTarget::MakeProtocol() const {
  if (kind == Kind::kRedis) return std::make_unique<RedisProtocol>(*this);
  return std::make_unique<HttpProtocol>(url);
}

Result<PublishTarget> ParsePublishTarget(std::string_view text, std::string_view channel) {
  constexpr std::string_view kRedis = "redis://";
  constexpr std::string_view kUnix = "unix:";
  PublishTarget target;
  if (text == "none") return target;
  if (text.starts_with("http://")) {
    auto url = ParseHttpUrl(text);
    if (!url) return tl::unexpected(url.error());
    target.kind = PublishTarget::Kind::kHttp;
    target.endpoint = url->endpoint;
    target.url = std::move(*url);
    return target;
  }
  if (text.starts_with(kUnix)) {
    text.remove_prefix(kUnix.size());
    if (text.starts_with("//")) text.remove_prefix(2);
    auto endpoint = net::ParseEndpoint(fmt::format("{}{}", kUnix, text));
    if (!endpoint) return tl::unexpected(endpoint.error());
    target.kind = PublishTarget::Kind::kRedis;
    target.endpoint = std::move(*endpoint);
  } else if (text.starts_with(kRedis)) {
    auto parsed = ParseRedisUrl(text.substr(kRedis.size()));
    if (!parsed) return parsed;
    target = std::move(*parsed);
  } else {
    return Fail(
        Errc::kInvalid,
        fmt::format("--publish {}: expected none, redis://HOST:PORT, unix:/PATH or http://…",
                    text));
  }
  if (channel.empty()) {
    return Fail(Errc::kInvalid, "--publish to Redis needs the channel: add --channel NAME");
  }
  target.channel = channel;
  return target;
}

}  // namespace sluice::cli::bench
