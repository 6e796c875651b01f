// The second half of a session: from the answer to the end of the connection.
#include <algorithm>
#include <cassert>
#include <utility>

#include "server/session.h"

namespace sluice::server {
namespace {

// An answer that leaves at most this much of the body unread keeps the connection.
constexpr uint64_t kSkipBytes = 64ULL * 1024;
// A lingering close ends after this long a silence, this long in all, or this much dropped.
constexpr uint64_t kLingerSilenceMs = 2'000;
constexpr uint64_t kLingerMs = 10'000;
constexpr uint64_t kLingerBytes = 64ULL * 1024 * 1024;

}  // namespace

void Session::Answer(std::string_view& rest) {
  http::Response response = std::move(*answer_);
  answer_.reset();
  const bool keep = !response.close && KeepsAfter(rest);
  ReleaseHandler();
  Send(std::move(response), keep);
}

// Whether a further request may follow on this connection. Drops what has come of the body.
bool Session::KeepsAfter(std::string_view& rest) {
  const http::Request& request = parser_.request();
  if (!request.keep_alive() || draining_) return false;
  if (!parser_.complete() && !rest.empty()) {
    continue_owed_ = false;
    const http::RequestParser::Fed fed = parser_.Feed(rest, nullptr);
    rest.remove_prefix(fed.consumed);
    if (fed.event == http::RequestParser::Event::kError) return false;
  }
  if (client_ended_ && rest.empty()) return false;
  return RestIsShort();
}

bool Session::RestIsShort() const {
  if (parser_.complete()) return true;
  const http::Request& request = parser_.request();
  // Without its 100, a client may send the body or not: nobody can tell what comes next.
  return !continue_owed_ && !request.chunked() &&
         request.content_length() - parser_.body_bytes() <= kSkipBytes;
}

void Session::Send(http::Response response, bool keep) {
  assert(response.status >= 200);
  timer_.Cancel();
  keep_ = keep;
  status_ = response.status;
  if (error_pages_ != nullptr) UseErrorPage(response);
  // Of a head that was refused, what came before the fault is there.
  environment_.dispatcher.Decorate(parser_.request(), response);
  const http::ResponseFraming framing{
      .keep_alive = keep, .without_body = parser_.request().method() == http::Method::kHead};
  const std::string head = http::SerializeHead(response, framing);
  head_bytes_ += head.size();
  outgoing_.AppendHead(head);
  if (http::SendsBody(response, framing)) outgoing_.SetBody(std::move(response.body));
  state_ = State::kSending;
}

void Session::UseErrorPage(http::Response& response) const {
  for (const config::ErrorPage& page : *error_pages_) {
    if (page.status != response.status) continue;
    std::erase_if(response.headers,
                  [](const auto& field) { return field.first == "Content-Type"; });
    response.headers.emplace_back("Content-Type", page.content_type);
    response.body = page.body;
    return;
  }
}

// --- Answers in pieces ---

void Session::SendInterim(std::string_view head) {
  if (parser_.request().minor_version() == 0) return;
  head_bytes_ += head.size();
  outgoing_.AppendHead(head);
  if (!pumping_) Yield();
}

AnswerFraming Session::PlanAnswer(bool delimited) {
  const http::Request& request = parser_.request();
  AnswerFraming framing;
  framing.chunked = !delimited && request.minor_version() >= 1;
  framing.until_close = !delimited && !framing.chunked;
  framing.keep_alive = (delimited || framing.chunked) && request.keep_alive() && !draining_ &&
                       !client_ended_ && RestIsShort();
  return framing;
}

void Session::StartAnswer(int status, std::string head, const AnswerFraming& framing) {
  assert(state_ == State::kBusy && !answer_ && pieces_ == nullptr);
  pieces_ = std::make_unique<AnswerPieces>(framing.chunked);
  status_ = status;
  keep_ = framing.keep_alive;
  until_close_ = framing.until_close;
  head_bytes_ += head.size();
  outgoing_.AppendHead(std::move(head));
}

void Session::SendBody(std::string_view bytes) {
  pieces_->Add(bytes);
  if (pieces_->full()) FlushAnswer();
}

void Session::FlushAnswer() {
  WriteThrough(pieces_->Take());
}

void Session::EndAnswer(std::string_view trailers) {
  WriteThrough(pieces_->TakeLast(trailers));
  pieces_.reset();
  ReleaseHandler();
  state_ = State::kSending;
  timer_.Cancel();
  if (!pumping_) Pump({});
}

// What has come of it is sent all the same.
void Session::AbortAnswer() {
  cut_ = true;
  FlushAnswer();
  pieces_ = std::make_unique<AnswerPieces>(false);
  EndAnswer({});
}

void Session::StartTunnel(std::string_view head) {
  assert(parser_.complete());
  StartAnswer(101, std::string(head), {.chunked = false, .keep_alive = false});
  tunnel_ = true;
  FlushAnswer();
  if (!pumping_) Yield();
}

// Writes `parts` behind what waits; what the client does not take waits, too.
void Session::WriteThrough(std::span<const iovec> parts) {
  if (broken_ || (parts.empty() && outgoing_.empty())) return;
  const bool waited = blocked_;
  const ssize_t taken = outgoing_.WriteThrough(*stream_, parts, !blocked_);
  if (taken < 0) {
    // Whoever called still needs the session.
    broken_ = true;
    Yield();
    return;
  }
  bytes_sent_ += static_cast<uint64_t>(taken);
  blocked_ = !outgoing_.empty();
  // Whoever has yielded waits for OnWritable, too: it is that which wants no more.
  if (blocked_) WantWritable(true);
  if (blocked_ != waited) ArmBusy();
}

void Session::Refuse(int status, std::string_view detail) {
  refusal_ = detail;
  TellGone();
  Send(http::ErrorResponse(status, detail), false);
}

bool Session::StepSending(std::string_view rest) {
  if (broken_) {
    Break();
    return false;
  }
  const uint64_t sent = bytes_sent_;
  if (Flush()) {
    timer_.Cancel();
    FinishAnswer(rest);
    return true;
  }
  if (state_ != State::kOver && (bytes_sent_ > sent || !timer_.armed())) {
    Arm(environment_.settings.write_timeout_ms);
  }
  return false;
}

// True when all is written.
bool Session::Flush() {
  if (outgoing_.empty()) return true;
  if (blocked_) return false;
  const ssize_t taken = outgoing_.Write(*stream_);
  if (taken < 0) {
    Break();
    return false;
  }
  bytes_sent_ += static_cast<uint64_t>(taken);
  blocked_ = !outgoing_.empty();
  // Whoever has yielded waits for OnWritable, too: it is that which wants no more.
  if (blocked_) WantWritable(true);
  if (state_ == State::kBusy && (taken > 0 || !blocked_)) ArmBusy();
  return !blocked_;
}

void Session::WantWritable(bool on) {
  if (on == wants_writable_) return;
  wants_writable_ = on;
  stream_->WantWritable(on);
}

// Goes on in the next turn.
void Session::Yield() {
  WantWritable(true);
}

// --- After the answer ---

void Session::FinishAnswer(std::string_view rest) {
  Report(status_, !cut_);
  if (cut_) {
    if (until_close_) stream_->ResetOnClose();
    End();
  } else if (!keep_ || draining_) {
    Linger(rest);
  } else if (parser_.complete()) {
    AwaitRequest();
  } else {
    state_ = State::kSkipping;
    Arm(environment_.settings.body_timeout_ms);
  }
}

void Session::AwaitRequest() {
  parser_.Next();
  state_ = State::kIdle;
  first_ = dispatched_ = body_wanted_ = body_ended_ = body_paused_ = continue_owed_ = false;
  bytes_sent_ = head_bytes_ = 0;
  route_ = {};
  error_pages_ = nullptr;
  kept_.reset();
  redirected_.reset();
  upstream_.reset();
  subject_ = {};
  Arm(environment_.settings.idle_timeout_ms);
}

bool Session::StepSkipping(std::string_view& rest) {
  if (rest.empty()) {
    if (client_ended_) End();
    return false;
  }
  const http::RequestParser::Fed fed = parser_.Feed(rest, nullptr);
  rest.remove_prefix(fed.consumed);
  if (fed.event == http::RequestParser::Event::kError) {
    End();
  } else if (!parser_.complete()) {
    Arm(environment_.settings.body_timeout_ms);
  } else if (draining_) {
    Linger(rest);
  } else {
    AwaitRequest();
  }
  return true;
}

void Session::Linger(std::string_view rest) {
  // A client that asked for the end, and of whom nothing is unread, sends nothing more.
  const bool done =
      dispatched_ && parser_.complete() && rest.empty() && !parser_.request().keep_alive();
  if (done || client_ended_) {
    End();
    return;
  }
  state_ = State::kLingering;
  parser_.Next();
  linger_until_ms_ = environment_.loop.NowMs() + kLingerMs;
  stream_->ShutdownWrite();
  Arm(kLingerSilenceMs);
}

bool Session::StepLingering(std::string_view& rest) {
  if (rest.empty()) {
    if (client_ended_) End();
    return false;
  }
  linger_bytes_ += rest.size();
  rest = {};
  const uint64_t now = environment_.loop.NowMs();
  if (linger_bytes_ > kLingerBytes || now >= linger_until_ms_) {
    End();
  } else {
    Arm(std::min(kLingerSilenceMs, linger_until_ms_ - now));
  }
  return true;
}

// --- The end ---

RequestSummary Session::Summarize(int status) const {
  RequestSummary summary;
  summary.request = dispatched_ ? &parser_.request() : nullptr;
  summary.peer = &stream_->peer();
  summary.connection_id = id_;
  summary.status = status;
  summary.route = route_;
  summary.subject = subject_;
  summary.error = refusal_;
  summary.upstream = upstream_.get();
  summary.duration_ns = environment_.loop.NowNs() - started_ns_;
  summary.bytes_sent = bytes_sent_;
  summary.body_bytes_sent = bytes_sent_ - std::min(bytes_sent_, head_bytes_);
  return summary;
}

void Session::Report(int status, bool complete) {
  RequestSummary summary = Summarize(status);
  summary.complete = complete;
  environment_.dispatcher.OnRequestDone(summary);
}

void Session::TellGone() {
  if (handler_ == nullptr) return;
  handler_->OnClientGone();
  ReleaseHandler();
}

void Session::ReleaseHandler() {
  if (handler_ != nullptr) environment_.loop.DeferDelete(std::move(handler_));
}

void Session::Break() {
  TellGone();
  if (state_ == State::kBusy) {
    Report(pieces_ != nullptr ? status_ : RequestSummary::kClientGone, false);
  }
  if (state_ == State::kSending) Report(status_, false);
  End();
}

void Session::End() {
  if (state_ == State::kOver) return;
  state_ = State::kOver;
  timer_.Cancel();
  ReleaseHandler();
  stream_.reset();
  set_.Remove(*this);
}

}  // namespace sluice::server
