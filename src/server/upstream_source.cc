#include "server/upstream_source.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "sluice/base/log.h"
#include "sluice/base/random.h"
#include "sluice/http/request.h"
#include "sluice/sse/encoder.h"

namespace sluice::server {
namespace {

constexpr uint32_t kMaxDoublings = 16;

// A field's value has no control bytes (RFC 9110 5.5).
bool IsFieldValue(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

bool IsEventStream(const http::ResponseHead& head) {
  std::string_view type = head.Header("Content-Type").value_or("");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return http::EqualsIgnoreCase(type, "text/event-stream");
}

bool IsEncoded(const http::ResponseHead& head) {
  const auto coding = head.Header("Content-Encoding");
  return coding && !coding->empty() && !http::EqualsIgnoreCase(*coding, "identity");
}

}  // namespace

UpstreamSource::UpstreamSource(SourceEnvironment& environment, pubsub::TopicEntryPtr entry,
                               std::string channel, std::string target)
    : environment_(environment),
      entry_(std::move(entry)),
      channel_(std::move(channel)),
      target_(std::move(target)),
      parser_(*this, environment.event_limit, sse::Oversized::kSkip) {}

UpstreamSource::~UpstreamSource() {
  Stop();
}

void UpstreamSource::Connect() {
  SetState(State::kConnecting);
  proxy::Upstream* const upstream = environment_.find_upstream(topic().upstream);
  if (upstream == nullptr) {
    Lose("it is not configured any more");
    return;
  }
  parser_.Restart();
  const std::string& last_event_id = parser_.last_event_id();
  resumes_ = !last_event_id.empty() && IsFieldValue(last_event_id);
  proxy::CallRequest request;
  request.head = RequestHead(resumes_ ? std::string_view(last_event_id) : std::string_view());
  request.idempotent = true;
  call_ = upstream->Start(std::move(request), *this);
}

void UpstreamSource::Reconnect() {
  if (state_ == State::kStopped || state_ == State::kEnded) return;
  if (was_open_) {
    Lose("it has changed");
    return;
  }
  call_.reset();
  Connect();
}

void UpstreamSource::Stop() {
  timer_.Cancel();
  call_.reset();
  SetState(State::kStopped);
}

std::string UpstreamSource::RequestHead(std::string_view last_event_id) const {
  std::string head = fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\nCache-Control: no-cache\r\n"
      "User-Agent: sluice\r\n",
      target_, topic().upstream_host.empty() ? topic().upstream : topic().upstream_host);
  if (!last_event_id.empty()) head += fmt::format("Last-Event-ID: {}\r\n", last_event_id);
  return head + "\r\n";
}

// --- the answer ---

void UpstreamSource::OnHead(const http::ResponseHead& head) {
  if (head.status() == 204) {
    End();
  } else if (head.status() != 200) {
    Lose(fmt::format("it answers {}", head.status()));
  } else if (!IsEventStream(head)) {
    Lose("its answer is no text/event-stream");
  } else if (IsEncoded(head)) {
    Lose("its answer has a Content-Encoding, which it was not asked for");
  } else {
    Open();
  }
}

void UpstreamSource::Open() {
  SetState(State::kOpen);
  failures_ = 0;
  const bool again = std::exchange(was_open_, true);
  if (again) counters().reconnects.Add();
  const bool whole = again && resumes_ && topic().upstream_resumes;
  if (const auto left_out = environment_.opened.Admit(environment_.loop.NowMs())) {
    LogInfo("topic={} stream of upstream {} open: server={} {}{}", channel_, topic().upstream,
            call_->record().server,
            whole   ? "goes on after the last event"
            : again ? "again; subscribers were told source_lost"
                    : "for the first time",
            LeftOut(*left_out));
  }
  if (whole) {
    environment_.handler.OnResumed(channel_);
  } else {
    environment_.handler.OnSubscribed(channel_);
  }
}

void UpstreamSource::OnBody(std::string_view bytes) {
  // It skips what is too large, so it does not fail.
  if (state_ == State::kOpen) static_cast<void>(parser_.Feed(bytes));
}

void UpstreamSource::OnEvent(const sse::ReceivedEvent& event) {
  if (state_ != State::kOpen) return;
  pubsub::Message message;
  message.data = event.data;
  if (event.type != "message") message.event = event.type;
  // The id of an event before it is not its own.
  if (event.last_event_id != previous_id_) {
    previous_id_ = event.last_event_id;
    if (sse::IsValidId(event.last_event_id)) {
      message.id = event.last_event_id;
    } else if (!event.last_event_id.empty() && !std::exchange(odd_id_said_, true)) {
      LogWarn(
          "topic={} an id of upstream {} is not 1 to 128 of A-Z a-z 0-9 . _ : -; its events get "
          "ids of the gateway's own",
          channel_, topic().upstream);
    }
  }
  environment_.handler.OnEvent(channel_, message);
}

void UpstreamSource::OnOversized(uint64_t size) {
  if (state_ == State::kOpen) environment_.handler.OnOversized(channel_, size);
}

void UpstreamSource::OnEnd(std::string_view /*trailers*/) {
  if (state_ != State::kEnded) Lose("it ended the stream");
}

void UpstreamSource::OnUpgraded(const http::ResponseHead& /*head*/,
                                std::unique_ptr<net::Stream> /*stream*/, std::string /*bytes*/) {
  Lose("it switched protocols");  // nobody asked for it
}

void UpstreamSource::OnFailed(const proxy::CallFailure& failure) {
  Lose(fmt::format("{}: {}", proxy::ToName(failure.kind), failure.detail));
}

// --- the end ---

void UpstreamSource::End() {
  call_.reset();
  SetState(State::kEnded);
  LogInfo("topic={} upstream {} answers 204: its streams end", channel_, topic().upstream);
  environment_.handler.OnEnded(channel_);
}

void UpstreamSource::Lose(std::string_view why) {
  call_.reset();
  counters().failures.Add();
  const bool was_open = state_ == State::kOpen;
  if (!was_open_) {
    // Whoever is told takes it away, and asks anew for the next subscriber.
    SetState(State::kStopped);
    environment_.handler.OnSubscribeFailed(channel_,
                                           fmt::format("upstream {}: {}", topic().upstream, why));
    return;
  }
  SetState(State::kWaiting);
  const uint64_t delay_ms = NextDelayMs();
  environment_.timers.Arm(timer_, delay_ms);
  if (const auto left_out = environment_.lost.Admit(environment_.loop.NowMs())) {
    LogWarn("topic={} stream of upstream {} lost: {}; next try in {} ms{}", channel_,
            topic().upstream, why, delay_ms, LeftOut(*left_out));
  }
  if (was_open) environment_.handler.OnChannelDown(channel_);
}

// What the upstream asked for, doubled with each failure, and up to half of that more: not all
// gateways come back at once.
uint64_t UpstreamSource::NextDelayMs() {
  const uint64_t base = std::max(retry_ms_, kLeastRetryMs);
  const uint64_t doubled = base << std::min(failures_++, kMaxDoublings);
  const uint64_t delay = std::min(doubled, std::max<uint64_t>(base, kMostRetryMs));
  return delay + RandomBelow(delay / 2 + 1);
}

void UpstreamSource::SetState(State state) {
  const auto counter = [this](State of) -> Counter* {
    if (of == State::kOpen) return &counters().open;
    const bool lost = of == State::kConnecting || of == State::kWaiting;
    return lost ? &counters().lost : nullptr;
  };
  if (Counter* const before = counter(state_)) before->Sub();
  state_ = state;
  if (Counter* const after = counter(state_)) after->Add();
}

}  // namespace sluice::server
