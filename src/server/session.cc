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

Session::Session(SessionSet& set, const SessionEnvironment& environment,
                 std::unique_ptr<net::Stream> stream, uint64_t id, bool draining, bool over_limit)
    : set_(set),
      environment_(environment),
      stream_(std::move(stream)),
      parser_(environment.settings.limits),
      id_(id),
      draining_(draining),
      over_limit_(over_limit) {
  stream_->SetHandler(this);
  Arm(environment_.settings.header_timeout_ms);
}

Session::~Session() = default;

void Session::Drain() {
  draining_ = true;
  if (state_ != State::kIdle || !waiting_.empty()) return;
  if (first_) {
    // A request may be on its way; or it is one that a browser keeps ready and never uses.
    Arm(kDrainPatienceMs);
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
  if (state_ == State::kBusy && handler_ != nullptr) handler_->OnClientEnd();
  Pump({});
}

void Session::OnWritable() {
  blocked_ = false;
  if (outgoing_.empty()) WantWritable(false);
  Pump({});
}

void Session::OnClosed(int /*error*/) {
  Break();
}

void Session::OnTimeout(event::TimerWheel::Node& /*node*/) {
  switch (state_) {
    case State::kHead:
      Refuse(408, "the request's head did not arrive in time");
      break;
    case State::kBusy:
      if (pieces_ != nullptr) {
        Break();
        return;
      }
      Refuse(408, "the request's body did not arrive in time");
      break;
    default:
      Break();
      return;
  }
  Pump({});
}

void Session::OnBodyBytes(std::string_view bytes) {
  // It may have answered, or closed, at an earlier part of the same bytes.
  if (handler_ != nullptr && !answer_ && next_ == nullptr && state_ == State::kBusy) {
    handler_->OnBody(bytes);
  }
}

// --- Exchange ---

void Session::Keep(std::shared_ptr<const void> what) {
  if (kept_ == what) return;
  // An internal redirect after a reload: the log still names what was before.
  if (kept_ != nullptr)
    what = std::make_shared<const std::pair<decltype(kept_), decltype(kept_)>>(kept_, what);
  kept_ = std::move(what);
}

void Session::ReadBody(std::optional<uint64_t> limit) {
  assert(state_ == State::kBusy && !answer_ && !body_wanted_);
  body_wanted_ = true;
  if (limit && !parser_.complete()) parser_.LimitBody(*limit);
  ArmBusy();
  if (!pumping_) Yield();
}

void Session::PauseBody() {
  body_paused_ = true;
  ArmBusy();
}

void Session::ResumeBody() {
  if (!body_paused_) return;
  body_paused_ = false;
  ArmBusy();
  if (!pumping_) Yield();
}

void Session::Respond(http::Response response) {
  assert(state_ == State::kBusy && !answer_ && pieces_ == nullptr);
  answer_ = std::move(response);
  Pump({});
}

std::unique_ptr<net::Stream> Session::TakeStream() {
  assert(state_ == State::kBusy && !answer_ && outgoing_.empty());
  assert(!body_wanted_ || parser_.complete());
  RequestSummary summary = Summarize(200);
  summary.stream = true;
  environment_.dispatcher.OnStreamTaken(summary);
  std::unique_ptr<net::Stream> stream = std::move(stream_);
  if (wants_writable_) stream->WantWritable(false);
  if (paused_) stream->ResumeReading(net::PauseReason::kPipelined);
  End();
  return stream;
}

void Session::PassOn(Next next) {
  assert(state_ == State::kBusy && !answer_ && pieces_ == nullptr && next_ == nullptr);
  ReleaseHandler();
  next_ = std::move(next);
  if (!pumping_) Yield();
}

void Session::Redirect(http::Request request) {
  error_pages_ = nullptr;
  redirected().request = std::move(request);
  ++redirected().count;
}

void Session::Close() {
  assert(state_ == State::kBusy && !answer_);
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
  const http::RequestParser::Fed fed = parser_.Feed(rest, nullptr);
  rest.remove_prefix(fed.consumed);
  if (state_ == State::kIdle && parser_.started()) StartRequest();
  switch (fed.event) {
    case http::RequestParser::Event::kHead:
      Dispatch();
      break;
    case http::RequestParser::Event::kError:
      Refuse(parser_.error().status, parser_.error().detail);
      break;
    default:
      break;
  }
  return true;
}

void Session::StartRequest() {
  state_ = State::kHead;
  started_ns_ = environment_.loop.NowNs();
  // On a new connection the clock runs since it was accepted.
  if (!first_) Arm(environment_.settings.header_timeout_ms);
}

void Session::Dispatch() {
  timer_.Cancel();
  state_ = State::kBusy;
  dispatched_ = true;
  continue_owed_ = parser_.request().expects_continue();
  if (parser_.request().asterisk()) {
    answer_ = AnswerToOptions();
    return;
  }
  Adopt(environment_.dispatcher.Dispatch(*this));
}

void Session::Adopt(std::unique_ptr<RequestHandler> handler) {
  if (state_ == State::kOver) {
    if (handler != nullptr) environment_.loop.DeferDelete(std::move(handler));
    return;
  }
  handler_ = std::move(handler);
  if (handler_ == nullptr && !answer_ && next_ == nullptr) {
    Refuse(500, "nobody answers this request");
  }
}

bool Session::StepBusy(std::string_view& rest) {
  if (broken_) {
    Break();
    return false;
  }
  if (answer_) {
    Answer(rest);
    return true;
  }
  if (!outgoing_.empty()) {
    if (blocked_) {
      if (pieces_ == nullptr) return false;  // a 100, or another interim answer
    } else if (!Flush()) {
      return false;
    } else if (pieces_ != nullptr && handler_ != nullptr) {
      handler_->OnAnswerSent();
      return true;
    }
  }
  if (next_ != nullptr) {
    const Next next = std::exchange(next_, nullptr);
    body_ended_ = body_ended_ || body_wanted_;
    Adopt(next(*this));
    return true;
  }
  if (tunnel_) return StepTunnel(rest);
  if (!body_wanted_ || body_ended_ || body_paused_) return false;
  return StepBody(rest);
}

bool Session::StepTunnel(std::string_view& rest) {
  if (rest.empty() || body_paused_ || handler_ == nullptr) return false;
  const std::string_view bytes = std::exchange(rest, {});
  handler_->OnBody(bytes);
  return true;
}

// While a handler has the request, either the client owes a part of the body, or it has to take a
// part of the answer.
void Session::ArmBusy() {
  if (!outgoing_.empty() && pieces_ != nullptr) {
    Arm(environment_.settings.write_timeout_ms);
  } else if (body_wanted_ && !body_ended_ && !body_paused_ && !parser_.complete()) {
    Arm(environment_.settings.body_timeout_ms);
  } else {
    timer_.Cancel();
  }
}

bool Session::StepBody(std::string_view& rest) {
  if (!parser_.complete() && !parser_.CheckBodyLength()) {
    if (pieces_ != nullptr) {
      Break();
      return false;
    }
    Refuse(parser_.error().status, parser_.error().detail);
    return true;
  }
  if (parser_.complete()) {
    body_ended_ = true;
    ArmBusy();
    handler_->OnBodyEnd(parser_.trailers());
    return true;
  }
  if (rest.empty()) {
    if (client_ended_) {
      Break();
      return false;
    }
    if (!continue_owed_ || pieces_ != nullptr) return false;
    continue_owed_ = false;
    head_bytes_ += http::kContinue.size();
    outgoing_.AppendHead(http::kContinue);
    return true;
  }
  continue_owed_ = false;  // the client did not wait
  const http::RequestParser::Fed fed = parser_.Feed(rest, this);
  rest.remove_prefix(fed.consumed);
  if (state_ == State::kOver) return false;
  ArmBusy();
  if (fed.event == http::RequestParser::Event::kError && state_ == State::kBusy && !answer_) {
    if (pieces_ != nullptr) {
      Break();
      return false;
    }
    Refuse(parser_.error().status, parser_.error().detail);
  }
  return true;
}

}  // namespace sluice::server
