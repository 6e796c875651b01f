#include "cli/bench_protocol.h"

#include <charconv>
#include <initializer_list>
#include <iterator>

#include <fmt/format.h>

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
    received_.append(bytes);
    uint64_t count = 0;
    std::string_view rest = received_;
    for (;;) {
      const auto length = ReplyLength(rest);
      if (!length) return tl::unexpected(length.error());
      if (*length == 0) break;
      rest.remove_prefix(*length);
      ++count;
    }
    received_.erase(0, received_.size() - rest.size());
    return count;
  }

 private:
  // Bytes of the first response in `text`; 0 while it is incomplete.
  static Result<size_t> ReplyLength(std::string_view text) {
    constexpr std::string_view kHeadEnd = "\r\n\r\n";
    constexpr std::string_view kLastChunk = "0\r\n\r\n";
    const size_t end = text.find(kHeadEnd);
    if (end == std::string_view::npos) return 0;
    const std::string_view head = text.substr(0, end);
    if (!head.starts_with("HTTP/1.1 2")) {
      return Fail(Errc::kUnavailable,
                  fmt::format("publish refused: {}", head.substr(0, head.find('\r'))));
    }
    const size_t body = end + kHeadEnd.size();
    if (const auto length = ContentLength(head); length != std::string_view::npos) {
      return text.size() - body < length ? 0 : body + length;
    }
    const size_t last = text.find(kLastChunk, body);
    return last == std::string_view::npos ? 0 : last + kLastChunk.size();
  }

  static size_t ContentLength(std::string_view head) {
    for (const std::string_view name : {"\r\nContent-Length: ", "\r\ncontent-length: "}) {
      const size_t at = head.find(name);
      if (at == std::string_view::npos) continue;
      size_t length = 0;
      const char* digits = head.data() + at + name.size();
      const auto parsed = std::from_chars(digits, head.data() + head.size(), length);
      if (parsed.ec == std::errc()) return length;
    }
    return std::string_view::npos;
  }

  HttpUrl url_;
  std::string received_;
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
