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
constexpr uint32_t kLingerBytes = 64U * 1024 * 1024;

}  // namespace

void Session::Answer(std::string_view& rest) {
  http::Response response = std::move(*tx_->answer);
  tx_->answer.reset();
  const bool keep = !response.close && KeepsAfter(rest);
  ReleaseHandler();
  Send(std::move(response), keep);
}

// Whether a further request may follow on this connection. Drops what has come of the body.
bool Session::KeepsAfter(std::string_view& rest) {
  const http::Request& request = tx_->parser.request();
  if (!request.keep_alive() || draining_) return false;
  if (!tx_->parser.complete() && !rest.empty()) {
    tx_->continue_owed = false;
    const http::RequestParser::Fed fed = tx_->parser.Feed(rest, nullptr);
    rest.remove_prefix(fed.consumed);
    if (fed.event == http::RequestParser::Event::kError) return false;
  }
  if (client_ended_ && rest.empty()) return false;
  return RestIsShort();
}

bool Session::RestIsShort() const {
  if (tx_->parser.complete()) return true;
  const http::Request& request = tx_->parser.request();
  // Without its 100, a client may send the body or not: nobody can tell what comes next.
  return !tx_->continue_owed && !request.chunked() &&
         request.content_length() - tx_->parser.body_bytes() <= kSkipBytes;
}

void Session::Send(http::Response response, bool keep) {
  assert(response.status >= 200);
  deadlines_.ClearRead();
  tx_->keep = keep;
  tx_->status = response.status;
  if (tx_->error_pages != nullptr) UseErrorPage(response);
  // Of a head that was refused, what came before the fault is there.
  environment().dispatcher.Decorate(tx_->parser.request(), response);
  const http::ResponseFraming framing{
      .keep_alive = keep, .without_body = tx_->parser.request().method() == http::Method::kHead};
  const std::string head = http::SerializeHead(response, framing);
  tx_->head_bytes += head.size();
  tx_->outgoing.AppendHead(head);
  if (http::SendsBody(response, framing)) tx_->outgoing.SetBody(std::move(response.body));
  state_ = State::kSending;
}

void Session::UseErrorPage(http::Response& response) const {
  for (const config::ErrorPage& page : *tx_->error_pages) {
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
  if (tx_->parser.request().minor_version() == 0) return;
  tx_->head_bytes += head.size();
  tx_->outgoing.AppendHead(head);
  if (!pumping_) Yield();
}

AnswerFraming Session::PlanAnswer(bool delimited) {
  const http::Request& request = tx_->parser.request();
  AnswerFraming framing;
  framing.chunked = !delimited && request.minor_version() >= 1;
  framing.until_close = !delimited && !framing.chunked;
  framing.keep_alive = (delimited || framing.chunked) && request.keep_alive() && !draining_ &&
                       !client_ended_ && RestIsShort();
  return framing;
}

void Session::StartAnswer(int status, std::string head, const AnswerFraming& framing) {
  assert(state_ == State::kBusy && !tx_->answer && !tx_->pieces);
  tx_->pieces.emplace(framing.chunked);
  tx_->status = status;
  tx_->keep = framing.keep_alive;
  tx_->until_close = framing.until_close;
  tx_->head_bytes += head.size();
  tx_->outgoing.AppendHead(std::move(head));
}

void Session::SendBody(std::string_view bytes) {
  tx_->pieces->Add(bytes);
  if (tx_->pieces->full()) FlushAnswer();
}

void Session::FlushAnswer() {
  WriteThrough(tx_->pieces->Take());
}

void Session::EndAnswer(std::string_view trailers) {
  WriteThrough(tx_->pieces->TakeLast(trailers));
  tx_->pieces.reset();
  ReleaseHandler();
  state_ = State::kSending;
  deadlines_.ClearRead();
  if (!pumping_) Pump({});
}

// What has come of it is sent all the same.
void Session::AbortAnswer() {
  tx_->cut = true;
  FlushAnswer();
  tx_->pieces.emplace(false);
  EndAnswer({});
}

void Session::StartTunnel(std::string_view head) {
  assert(tx_->parser.complete());
  StartAnswer(101, std::string(head), {.chunked = false, .keep_alive = false});
  tx_->tunnel = true;
  FlushAnswer();
  if (!pumping_) Yield();
}

// Writes `parts` behind what waits; what the client does not take waits, too.
void Session::WriteThrough(std::span<const iovec> parts) {
  if (broken_ || (parts.empty() && tx_->outgoing.empty())) return;
  const ssize_t taken = tx_->outgoing.WriteThrough(*stream_, parts, !blocked_);
  if (taken < 0) {
    // Whoever called still needs the session.
    broken_ = true;
    Yield();
    return;
  }
  NoteWritten(static_cast<size_t>(taken));
}

void Session::Refuse(int status, std::string_view detail) {
  tx_->refusal = detail;
  TellGone();
  Send(http::ErrorResponse(status, detail), false);
}

bool Session::StepSending(std::string_view rest) {
  if (broken_) {
    Break();
    return false;
  }
  if (!Flush()) return false;
  FinishAnswer(rest);
  return true;
}

// True when all is written.
bool Session::Flush() {
  if (tx_->outgoing.empty()) return true;
  if (blocked_) return false;
  const ssize_t taken = tx_->outgoing.Write(*stream_);
  if (taken < 0) {
    Break();
    return false;
  }
  NoteWritten(static_cast<size_t>(taken));
  return !blocked_;
}

void Session::NoteWritten(size_t taken) {
  tx_->bytes_sent += taken;
  blocked_ = !tx_->outgoing.empty();
  if (!blocked_) {
    // Whoever has yielded waits for OnWritable, too: it is that which wants no more.
    deadlines_.ClearWrite();
    return;
  }
  WantWritable(true);
  if (taken > 0 || !deadlines_.has_write()) TimeWriting(environment().settings.write_timeout_ms);
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
  Report(tx_->status, !tx_->cut);
  if (tx_->cut) {
    if (tx_->until_close) stream_->ResetOnClose();
    End();
  } else if (!tx_->keep || draining_) {
    Linger(rest);
  } else if (tx_->parser.complete()) {
    AwaitRequest();
  } else {
    state_ = State::kSkipping;
    TimeReading(environment().settings.body_timeout_ms);
  }
}

void Session::AwaitRequest() {
  ReleaseTransaction();
  state_ = State::kIdle;
  first_ = false;
  TimeReading(environment().settings.idle_timeout_ms);
}

bool Session::StepSkipping(std::string_view& rest) {
  if (rest.empty()) {
    if (client_ended_) End();
    return false;
  }
  const http::RequestParser::Fed fed = tx_->parser.Feed(rest, nullptr);
  rest.remove_prefix(fed.consumed);
  if (fed.event == http::RequestParser::Event::kError) {
    End();
  } else if (!tx_->parser.complete()) {
    TimeReading(environment().settings.body_timeout_ms);
  } else if (draining_) {
    Linger(rest);
  } else {
    AwaitRequest();
  }
  return true;
}

void Session::Linger(std::string_view rest) {
  // A client that asked for the end, and of whom nothing is unread, sends nothing more.
  const bool done = tx_->dispatched && tx_->parser.complete() && rest.empty() &&
                    !tx_->parser.request().keep_alive();
  if (done || client_ended_) {
    End();
    return;
  }
  ReleaseTransaction();
  state_ = State::kLingering;
  stream_->ShutdownWrite();
  TimeReading(kLingerSilenceMs);
  TimeWriting(kLingerMs);  // that all of what was written is taken
}

bool Session::StepLingering(std::string_view& rest) {
  if (rest.empty()) {
    if (client_ended_) End();
    return false;
  }
  linger_bytes_ += static_cast<uint32_t>(rest.size());
  rest = {};
  if (linger_bytes_ > kLingerBytes) {
    End();
  } else {
    TimeReading(kLingerSilenceMs);
  }
  return true;
}

// --- The end ---

RequestSummary Session::Summarize(int status) const {
  RequestSummary summary;
  summary.request = tx_->dispatched ? &tx_->parser.request() : nullptr;
  summary.peer = &stream_->peer();
  summary.connection_id = id_;
  summary.status = status;
  summary.route = tx_->route;
  summary.subject = tx_->subject;
  summary.error = tx_->refusal;
  summary.upstream = tx_->upstream ? &*tx_->upstream : nullptr;
  summary.duration_ns = environment().loop.NowNs() - tx_->started_ns;
  summary.bytes_sent = tx_->bytes_sent;
  summary.body_bytes_sent = tx_->bytes_sent - std::min(tx_->bytes_sent, tx_->head_bytes);
  return summary;
}

void Session::Report(int status, bool complete) {
  RequestSummary summary = Summarize(status);
  summary.complete = complete;
  environment().dispatcher.OnRequestDone(summary);
}

void Session::TellGone() {
  if (tx_ == nullptr || tx_->handler == nullptr) return;
  tx_->handler->OnClientGone();
  ReleaseHandler();
}

void Session::ReleaseHandler() {
  if (tx_ == nullptr || tx_->handler == nullptr) return;
  environment().loop.DeferDelete(std::move(tx_->handler));
}

void Session::ReleaseTransaction() {
  if (tx_ != nullptr) TransactionStock::GiveBack(std::move(tx_));
}

void Session::Break() {
  TellGone();
  if (state_ == State::kBusy) {
    Report(tx_->pieces ? tx_->status : RequestSummary::kClientGone, false);
  }
  if (state_ == State::kSending) Report(tx_->status, false);
  End();
}

void Session::End() {
  if (state_ == State::kOver) return;
  state_ = State::kOver;
  deadlines_.Clear();
  ReleaseHandler();
  stream_.reset();
  set_.Remove(*this);
}

}  // namespace sluice::server
