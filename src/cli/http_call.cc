#include "cli/http_call.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <sys/uio.h>

#include <fmt/format.h>

namespace sluice::cli {
namespace {

std::string Serialize(const HttpRequest& request) {
  std::string out = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method,
                                request.url.target, request.url.authority);
  for (const auto& [name, value] : request.headers) out += fmt::format("{}: {}\r\n", name, value);
  if (request.method == "POST") out += fmt::format("Content-Length: {}\r\n", request.body.size());
  out += "\r\n";
  out += request.body;
  return out;
}

}  // namespace

Result<> CheckToken(std::string_view token) {
  const bool visible =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < '\x7F'; });
  if (visible) return {};
  return Fail(Errc::kInvalid,
              "the token has characters that a header cannot carry; is there a line end at its "
              "end?");
}

std::pair<std::string, std::string> BearerHeader(std::string_view token) {
  return {"Authorization", fmt::format("Bearer {}", token)};
}

HttpCall::HttpCall(net::Network& network, const HttpRequest& request, uint64_t connect_timeout_ms,
                   HttpCallHandler& handler)
    : handler_(&handler),
      parser_(limits_),
      place_(request.url.endpoint.ToString()),
      out_(Serialize(request)) {
  parser_.Start({.head = request.method == "HEAD"});
  connecting_ = network.Connect(
      request.url.endpoint, connect_timeout_ms,
      [this](Result<std::unique_ptr<net::Stream>> result) { OnConnected(std::move(result)); });
}

HttpCall::~HttpCall() = default;

void HttpCall::OnConnected(Result<std::unique_ptr<net::Stream>> result) {
  if (handler_ == nullptr) return;
  if (!result) {
    GiveUp(result.error());
    return;
  }
  stream_ = std::move(*result);
  stream_->SetHandler(this);
  Write();
}

void HttpCall::Write() {
  while (written_ < out_.size()) {
    const iovec part{out_.data() + written_, out_.size() - written_};
    const ssize_t taken = stream_->TryWrite({&part, 1});
    if (taken < 0) {
      // The answer may say why: a server refuses a body that is too large before it has read it.
      written_ = out_.size();
      break;
    }
    if (taken == 0) {
      stream_->WantWritable(true);
      return;
    }
    written_ += static_cast<size_t>(taken);
  }
  stream_->WantWritable(false);
}

void HttpCall::OnWritable() {
  Write();
}

void HttpCall::OnData(std::string_view bytes) {
  using Event = http::ResponseParser::Event;
  while (handler_ != nullptr) {
    const auto fed = parser_.Feed(bytes, this);
    bytes.remove_prefix(fed.consumed);
    if (handler_ == nullptr) return;
    switch (fed.event) {
      case Event::kMore:
        return;
      case Event::kInterim:
        break;
      case Event::kHead:
        handler_->OnHead(parser_.head());
        break;
      case Event::kEnd:
        Finish();
        return;
      case Event::kError:
        GiveUp(parser_.error());
        return;
    }
  }
}

void HttpCall::OnBodyBytes(std::string_view bytes) {
  if (handler_ != nullptr) handler_->OnBody(bytes);
}

void HttpCall::OnEnd() {
  if (handler_ == nullptr) return;
  if (parser_.End() == http::ResponseParser::Event::kEnd) {
    Finish();
  } else {
    GiveUp(parser_.error());
  }
}

void HttpCall::OnClosed(int error) {
  if (handler_ == nullptr) return;
  GiveUp({.code = Errc::kClosed,
          .message = fmt::format("the connection to {} broke: {}", place_, std::strerror(error))});
}

void HttpCall::Finish() {
  std::exchange(handler_, nullptr)->OnEnd();
}

void HttpCall::GiveUp(const Error& error) {
  std::exchange(handler_, nullptr)->OnFailed(error);
}

}  // namespace sluice::cli
