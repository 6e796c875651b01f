#include "cli/event_source.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cli/text.h"

namespace sluice::cli {
namespace {

constexpr uint64_t kConnectTimeoutMs = 10'000;
constexpr uint64_t kDefaultRetryMs = 3'000;
// `retry: 0` does not make a busy loop.
constexpr uint64_t kMinRetryMs = 100;
constexpr uint32_t kMaxRedirects = 20;
constexpr size_t kMaxRefusal = size_t{16} * 1024;
constexpr uint64_t kRefusalTimeoutMs = 5'000;

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool IsEventStream(const http::ResponseHead& head) {
  std::string_view type = head.Header("content-type").value_or("");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return http::EqualsIgnoreCase(type, "text/event-stream");
}

}  // namespace

EventSource::EventSource(event::Loop& loop, net::Network& network, EventSourceOptions options,
                         EventSourceHandler& handler)
    : network_(network),
      options_(std::move(options)),
      handler_(handler),
      parser_(*this),
      url_(options_.url),
      next_(loop.MakeTimer([this] {
        if (state_ == State::kRefused) {
          OnEnd();
        } else {
          Connect();
        }
      })),
      retry_ms_(kDefaultRetryMs) {
  parser_.set_last_event_id(options_.last_event_id);
  next_->Start(0);
}

EventSource::~EventSource() = default;

void EventSource::Close() {
  state_ = State::kClosed;
  next_->Stop();
  if (call_ != nullptr) call_->Cancel();
}

void EventSource::Connect() {
  state_ = State::kConnecting;
  parser_.Restart();
  HttpRequest request;
  request.url = url_;
  request.headers = {{"Accept", "text/event-stream"}, {"Cache-Control", "no-cache"}};
  if (!options_.token.empty() && url_.endpoint == options_.url.endpoint) {
    request.headers.push_back(BearerHeader(options_.token));
  }
  if (!parser_.last_event_id().empty()) {
    request.headers.emplace_back("Last-Event-ID", parser_.last_event_id());
  }
  HttpCallHandler& self = *this;
  call_ = std::make_unique<HttpCall>(network_, request, kConnectTimeoutMs, self);
}

void EventSource::OnHead(const http::ResponseHead& head) {
  constexpr int kOk = 200;
  constexpr int kNoContent = 204;
  status_ = head.status();
  reason_ = head.reason();
  if (IsRedirect(status_)) {
    Follow(head);
  } else if (status_ == kNoContent) {
    Stop({});
  } else if (status_ != kOk) {
    state_ = State::kRefused;
    refusal_.clear();
    next_->Start(kRefusalTimeoutMs);
  } else if (!IsEventStream(head)) {
    Refuse(
        "the answer is no event stream (Content-Type is not text/event-stream); is the path "
        "that of a topic?");
  } else {
    state_ = State::kOpen;
  }
}

void EventSource::Follow(const http::ResponseHead& head) {
  auto next = url_.Follow(head.Header("location").value_or(""));
  if (!next) return Refuse(fmt::format("a redirect cannot be followed: {}", next.error().message));
  if (++redirects_ > kMaxRedirects) return Refuse("the server redirects in circles");
  url_ = *std::move(next);
  call_->Cancel();
  next_->Start(0);
}

void EventSource::OnBody(std::string_view bytes) {
  if (state_ == State::kRefused) {
    refusal_ += bytes.substr(0, kMaxRefusal - std::min(refusal_.size(), kMaxRefusal));
  } else if (state_ == State::kOpen) {
    if (const auto fed = parser_.Feed(bytes); !fed) Refuse(fed.error().message);
  }
}

void EventSource::OnEnd() {
  if (state_ == State::kRefused) {
    Refuse(DescribeStatus(status_, reason_, refusal_));
  } else {
    Reconnect("the server ended the stream");
  }
}

void EventSource::OnFailed(const Error& error) {
  if (state_ == State::kRefused) return OnEnd();
  // What is not HTTP today is not HTTP in three seconds.
  if (error.code == Errc::kInvalid || error.code == Errc::kLimit) return Refuse(error.message);
  Reconnect(error.message);
}

void EventSource::OnRetry(uint32_t retry_ms) {
  retry_ms_ = std::max<uint64_t>(retry_ms, kMinRetryMs);
}

void EventSource::Reconnect(std::string_view why) {
  url_ = options_.url;
  redirects_ = 0;
  next_->Start(retry_ms_);
  handler_.OnReconnect(why, retry_ms_);
}

void EventSource::Refuse(std::string_view why) {
  Stop(Fail(Errc::kUnavailable, std::string(why)));
}

void EventSource::Stop(const Result<>& why) {
  Close();
  handler_.OnStopped(why);
}

}  // namespace sluice::cli
