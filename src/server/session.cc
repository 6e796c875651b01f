#include "server/session.h"

#include <cassert>
#include <utility>

#include "sluice/base/memory.h"

namespace sluice::server {
namespace {

// Requests that one client may have answered in one go before others have their turn.
constexpr int kRequestsPerTurn = 16;

// How long a drain waits for the first byte of a connection.
constexpr uint64_t kDrainPatienceMs = 1'000;

// OPTIONS * asks about the server as a whole (RFC 9110 9.3.7).
http::Response AnswerToOptions() {
  return {.status = 204, .headers = {{"Allow", "GET, HEAD, POST, OPTIONS"}}, .body = {}};
}

}  // namespace

Session::Session(SessionSet& set, std::unique_ptr<net::Stream> stream, uint64_t id, bool draining,
                 bool over_limit)
    : set_(set), stream_(std::move(stream)), id_(id), draining_(draining), over_limit_(over_limit) {
  stream_->SetHandler(this);
  TimeReading(environment().settings.header_timeout_ms);
}

// The set may be gone.
Session::~Session() {
  ReleaseTransaction();
}

void Session::Drain() {
  draining_ = true;
  if (state_ != State::kIdle || !waiting_.empty()) return;
  if (first_) {
    // A request may be on its way; or it is one that a browser keeps ready and never uses.
    TimeReading(kDrainPatienceMs);
  } else {
    End();
  }
}

void Session::Abort() {
  Break();
}

// --- Events ---

void Session::OnData(std::string_view bytes) {
  Pump(bytes);
}

void Session::OnEnd() {
  client_ended_ = true;
  if (state_ == State::kBusy && tx_->handler != nullptr) tx_->handler->OnClientEnd();
  Pump({});
}

// Behind a pipelined request, or a part of a body. Whoever needs a listening client need not wait
// until that is read; a tunnel passes it on first.
void Session::OnEndWaits() {
  end_waits_ = true;
  if (state_ == State::kBusy && tx_->handler != nullptr && !tx_->tunnel) {
    tx_->handler->OnClientEnd();
  }
  Pump({});
}

void Session::OnWritable() {
  blocked_ = false;
  if (tx_ == nullptr || tx_->outgoing.empty()) WantWritable(false);
  Pump({});
}

void Session::OnClosed(int /*error*/) {
  Break();
}

void Session::OnTimeout(event::TimerWheel::Node& /*node*/) {
  const uint64_t now = environment().loop.NowMs();
  if (deadlines_.WriteIsOver(now)) {
    Break();
  } else if (deadlines_.ReadIsOver(now)) {
    deadlines_.ClearRead();
    OnSilence();
  }
  if (state_ != State::kOver) deadlines_.Rearm(environment().timers);
}

void Session::OnSilence() {
  if (state_ == State::kBusy && paused_) return;  // it has sent what was not read yet
  if (state_ == State::kHead) {
    Refuse(408, "the request's head did not arrive in time");
  } else if (state_ == State::kBusy && !tx_->pieces) {
    Refuse(408, "the request's body did not arrive in time");
  } else {
    Break();
    return;
  }
  Pump({});
}

void Session::OnBodyBytes(std::string_view bytes) {
  // It may have answered, or closed, at an earlier part of the same bytes.
  if (tx_->handler != nullptr && !tx_->answer && tx_->next == nullptr && state_ == State::kBusy) {
    tx_->handler->OnBody(bytes);
  }
}

// --- Exchange ---

void Session::Keep(std::shared_ptr<const void> what) {
  if (tx_->kept == what) return;
  // An internal redirect after a reload: the log still names what was before.
  if (tx_->kept != nullptr)
    what = std::make_shared<const std::pair<decltype(tx_->kept), decltype(tx_->kept)>>(tx_->kept,
                                                                                       what);
  tx_->kept = std::move(what);
}

void Session::ReadBody(std::optional<uint64_t> limit) {
  assert(state_ == State::kBusy && !tx_->answer && !tx_->body_wanted);
  tx_->body_wanted = true;
  if (limit && !tx_->parser.complete()) tx_->parser.LimitBody(*limit);
  TimeBody();
  if (!pumping_) Yield();
}

void Session::PauseBody() {
  tx_->body_paused = true;
  TimeBody();
}

void Session::ResumeBody() {
  if (!tx_->body_paused) return;
  tx_->body_paused = false;
  TimeBody();
  // Not in a later turn: none comes while the client does not read, and it may well go on sending.
  Pump({});
}

void Session::Respond(http::Response response) {
  assert(state_ == State::kBusy && !tx_->answer && !tx_->pieces);
  tx_->answer = std::move(response);
  Pump({});
}

std::unique_ptr<net::Stream> Session::TakeStream() {
  assert(state_ == State::kBusy && !tx_->answer && tx_->outgoing.empty());
  assert(!tx_->body_wanted || tx_->parser.complete());
  RequestSummary summary = Summarize(200);
  summary.stream = true;
  environment().dispatcher.OnStreamTaken(summary);
  std::unique_ptr<net::Stream> stream = std::move(stream_);
  if (wants_writable_) stream->WantWritable(false);
  if (paused_) stream->ResumeReading(net::PauseReason::kPipelined);
  End();
  return stream;
}

void Session::PassOn(Next next) {
  assert(state_ == State::kBusy && !tx_->answer && !tx_->pieces && tx_->next == nullptr);
  ReleaseHandler();
  tx_->next = std::move(next);
  if (!pumping_) Yield();
}

void Session::Redirect(http::Request request) {
  tx_->error_pages = nullptr;
  redirected().request = std::move(request);
  ++redirected().count;
}

void Session::Close() {
  assert(state_ == State::kBusy && !tx_->answer);
  Report(RequestSummary::kClientGone, false);
  End();
}

// --- The pump ---

void Session::Pump(std::string_view fresh) {
  if (pumping_ || state_ == State::kOver) return;
  pumping_ = true;
  std::string_view rest = fresh;
  if (!waiting_.empty()) {
    waiting_ += fresh;
    rest = waiting_;
  }
  int budget = kRequestsPerTurn;
  while (Step(rest)) {
    if (state_ == State::kIdle && !rest.empty() && --budget == 0) {
      Yield();
      break;
    }
  }
  pumping_ = false;
  if (state_ != State::kOver) KeepWaiting(rest);
}

bool Session::Step(std::string_view& rest) {
  switch (state_) {
    case State::kIdle:
    case State::kHead:
      return StepHead(rest);
    case State::kBusy:
      return StepBusy(rest);
    case State::kSending:
      return StepSending(rest);
    case State::kSkipping:
      return StepSkipping(rest);
    case State::kLingering:
      return StepLingering(rest);
    case State::kOver:
      break;
  }
  return false;
}

// What could not be consumed waits, and no more is read: at most one read's worth.
void Session::KeepWaiting(std::string_view rest) {
  if (rest.empty()) {
    Release(waiting_);
  } else if (waiting_.empty()) {
    waiting_ = rest;
  } else {
    waiting_.erase(0, waiting_.size() - rest.size());
  }
  const bool pause = !waiting_.empty();
  if (pause == paused_) return;
  paused_ = pause;
  if (pause) {
    stream_->PauseReading(net::PauseReason::kPipelined);
  } else {
    stream_->ResumeReading(net::PauseReason::kPipelined);
  }
}

// --- Reading a request ---

bool Session::StepHead(std::string_view& rest) {
  if (rest.empty()) {
    if (client_ended_) End();
    return false;
  }
  if (tx_ == nullptr) tx_ = set_.transactions_->Take();
  const http::RequestParser::Fed fed = tx_->parser.Feed(rest, nullptr);
  rest.remove_prefix(fed.consumed);
  if (state_ == State::kIdle && tx_->parser.started()) StartRequest();
  switch (fed.event) {
    case http::RequestParser::Event::kHead:
      Dispatch();
      break;
    case http::RequestParser::Event::kError:
      Refuse(tx_->parser.error().status, tx_->parser.error().detail);
      break;
    default:
      break;
  }
  return true;
}

void Session::StartRequest() {
  state_ = State::kHead;
  tx_->started_ns = environment().loop.TurnNs();
  // On a new connection the clock runs since it was accepted.
  if (!first_) TimeReading(environment().settings.header_timeout_ms);
}

void Session::Dispatch() {
  deadlines_.ClearRead();
  state_ = State::kBusy;
  tx_->dispatched = true;
  tx_->continue_owed = tx_->parser.request().expects_continue();
  if (tx_->parser.request().asterisk()) {
    tx_->answer = AnswerToOptions();
    return;
  }
  Adopt(environment().dispatcher.Dispatch(*this));
}

void Session::Adopt(std::unique_ptr<RequestHandler> handler) {
  if (state_ == State::kOver) {
    if (handler != nullptr) environment().loop.DeferDelete(std::move(handler));
    return;
  }
  tx_->handler = std::move(handler);
  if (tx_->handler == nullptr && !tx_->answer && tx_->next == nullptr) {
    Refuse(500, "nobody answers this request");
  }
}

bool Session::StepBusy(std::string_view& rest) {
  if (broken_) {
    Break();
    return false;
  }
  if (tx_->answer) {
    Answer(rest);
    return true;
  }
  if (!tx_->outgoing.empty()) {
    if (!blocked_ && Flush() && tx_->pieces && tx_->handler != nullptr) {
      tx_->handler->OnAnswerSent();
      return true;
    }
    if (state_ == State::kOver) return false;
    if (blocked_ && !tx_->pieces) return false;  // a 100, or another interim answer
  }
  if (tx_->next != nullptr) {
    const Next next = std::exchange(tx_->next, nullptr);
    tx_->body_ended = tx_->body_ended || tx_->body_wanted;
    Adopt(next(*this));
    return true;
  }
  if (tx_->tunnel) return StepTunnel(rest);
  if (!tx_->body_wanted || tx_->body_ended || tx_->body_paused) return false;
  return StepBody(rest);
}

bool Session::StepTunnel(std::string_view& rest) {
  if (rest.empty() || tx_->body_paused || tx_->handler == nullptr) return false;
  const std::string_view bytes = std::exchange(rest, {});
  tx_->handler->OnBody(bytes);
  return true;
}

void Session::TimeBody() {
  if (tx_->body_wanted && !tx_->body_ended && !tx_->body_paused && !tx_->parser.complete()) {
    TimeReading(environment().settings.body_timeout_ms);
  } else {
    deadlines_.ClearRead();
  }
}

bool Session::StepBody(std::string_view& rest) {
  if (!tx_->parser.complete() && !tx_->parser.CheckBodyLength()) {
    if (tx_->pieces) {
      Break();
      return false;
    }
    Refuse(tx_->parser.error().status, tx_->parser.error().detail);
    return true;
  }
  if (tx_->parser.complete()) {
    tx_->body_ended = true;
    TimeBody();
    tx_->handler->OnBodyEnd(tx_->parser.trailers());
    return true;
  }
  if (rest.empty()) {
    if (client_ended_) {
      Break();
      return false;
    }
    if (!tx_->continue_owed || tx_->pieces) return false;
    tx_->continue_owed = false;
    tx_->head_bytes += http::kContinue.size();
    tx_->outgoing.AppendHead(http::kContinue);
    return true;
  }
  tx_->continue_owed = false;  // the client did not wait
  const http::RequestParser::Fed fed = tx_->parser.Feed(rest, this);
  rest.remove_prefix(fed.consumed);
  if (state_ != State::kBusy) return true;
  TimeBody();
  if (fed.event == http::RequestParser::Event::kError && !tx_->answer) {
    if (tx_->pieces) {
      Break();
      return false;
    }
    Refuse(tx_->parser.error().status, tx_->parser.error().detail);
  }
  return true;
}

}  // namespace sluice::server
