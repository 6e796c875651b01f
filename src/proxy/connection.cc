#include "proxy/connection.h"

#include <charconv>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "sluice/http/request.h"

namespace sluice::proxy {
namespace {

constexpr int kSwitchingProtocols = 101;

}  // namespace

Connection::Connection(const UpstreamEnvironment& environment, Server* server,
                       std::unique_ptr<net::Stream> stream, const http::ResponseLimits& limits)
    : environment_(environment),
      server_(server),
      stream_(std::move(stream)),
      parser_(limits),
      timer_(*this),
      made_ms_(environment.loop.NowMs()) {
  stream_->SetHandler(this);
}

Connection::~Connection() = default;

void Connection::Drop(std::unique_ptr<Connection> connection) {
  connection->user_ = nullptr;
  connection->keeper_ = nullptr;
  connection->timer_.Cancel();
  connection->stream_.reset();
  if (!connection->feeding_) return;
  event::Loop& loop = connection->environment_.loop;
  loop.DeferDelete(std::move(connection));
}

void Connection::Begin(ConnectionUser& user, const Expect& expect) {
  keeper_ = nullptr;
  user_ = &user;
  received_ = expect.received;
  reusable_ = false;
  ++requests_;
  parser_.Start({.head = expect.head_method, .upgrade = expect.upgrade, .interim = true});
}

void Connection::Keep(ConnectionKeeper& keeper, uint64_t timeout_ms) {
  user_ = nullptr;
  keeper_ = &keeper;
  kept_ms_ = environment_.loop.NowMs();
  keep_until_ms_ = kept_ms_ + timeout_ms;
  WakeBy(keep_until_ms_);
}

std::unique_ptr<net::Stream> Connection::TakeStream() {
  stream_->SetHandler(nullptr);
  return std::move(stream_);
}

void Connection::OnTimeout(event::TimerWheel::Node& /*node*/) {
  if (user_ != nullptr) {
    user_->OnDeadline();
  } else if (environment_.loop.NowMs() < keep_until_ms_) {
    WakeBy(keep_until_ms_);
  } else {
    keeper_->OnIdleEnd(*this);
  }
}

void Connection::OnData(std::string_view bytes) {
  using Event = http::ResponseParser::Event;
  if (user_ == nullptr) {
    surplus_ = true;
    keeper_->OnIdleEnd(*this);
    return;
  }
  if (received_ != nullptr) *received_ += bytes.size();
  feeding_ = true;
  for (;;) {
    const auto fed = parser_.Feed(bytes, this);
    bytes.remove_prefix(fed.consumed);
    if (user_ == nullptr) return;  // dropped
    if (fed.event == Event::kMore) {
      user_->OnPause();
      break;
    }
    if (fed.event == Event::kEnd) {
      surplus_ = !bytes.empty();
      FinishAnswer();
      return;
    }
    if (fed.event == Event::kError) {
      user_->OnPause();
      if (user_ == nullptr) return;
      Fail(parser_.error());
      return;
    }
    if (fed.event == Event::kInterim) {
      user_->OnInterim(parser_.head());
      if (user_ == nullptr) return;
      continue;
    }
    if (parser_.head().status() == kSwitchingProtocols) {
      user_->OnSwitched(parser_.head(), bytes);
      return;
    }
    if (requests_ == 1) ReadKeepAlive();
    user_->OnHead(parser_.head());
    if (user_ == nullptr) return;
  }
  feeding_ = false;
}

void Connection::OnBodyBytes(std::string_view bytes) {
  if (user_ != nullptr) user_->OnBody(bytes);
}

// Whoever is called may use, keep or drop the connection at once: nothing is touched after it.
void Connection::FinishAnswer() {
  feeding_ = false;
  reusable_ = parser_.head().keep_alive() && !surplus_ && !ended_;
  user_->OnMessageEnd(parser_.trailers());
}

void Connection::Fail(const Error& error) {
  feeding_ = false;
  using Kind = CallFailure::Kind;
  const Kind kind = error.code == Errc::kLimit    ? Kind::kHeadLimit
                    : error.code == Errc::kClosed ? Kind::kClosed
                                                  : Kind::kProtocol;
  user_->OnBroken({.kind = kind, .detail = error.message}, false);
}

void Connection::OnEnd() {
  ended_ = true;
  if (user_ == nullptr) {
    keeper_->OnIdleEnd(*this);
    return;
  }
  const bool untouched = !parser_.started();
  if (parser_.End() == http::ResponseParser::Event::kEnd) {
    FinishAnswer();
    return;
  }
  user_->OnBroken({.kind = CallFailure::Kind::kClosed, .detail = parser_.error().message},
                  untouched);
}

void Connection::OnClosed(int error) {
  ended_ = true;
  if (user_ == nullptr) {
    keeper_->OnIdleEnd(*this);
    return;
  }
  user_->OnBroken({.kind = CallFailure::Kind::kClosed,
                   .detail = fmt::format("the connection broke: {}", std::strerror(error))},
                  !parser_.started());
}

void Connection::OnWritable() {
  if (user_ != nullptr) {
    user_->OnWritable();
  } else {
    stream_->WantWritable(false);
  }
}

void Connection::ReadKeepAlive() {
  constexpr std::string_view kTimeout = "timeout=";
  const auto value = parser_.head().Header("keep-alive");
  if (!value) return;
  for (size_t at = 0; at + kTimeout.size() < value->size(); ++at) {
    if (!http::EqualsIgnoreCase(value->substr(at, kTimeout.size()), kTimeout)) continue;
    const std::string_view number = value->substr(at + kTimeout.size());
    uint32_t seconds = 0;
    if (std::from_chars(number.data(), number.data() + number.size(), seconds).ec == std::errc()) {
      server_keeps_ms_ = uint64_t{seconds} * 1'000;
    }
    return;
  }
}

}  // namespace sluice::proxy
