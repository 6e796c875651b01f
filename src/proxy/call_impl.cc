#include "proxy/call_impl.h"

#include <algorithm>
#include <utility>

#include "proxy/upstream_impl.h"

namespace sluice::proxy {
namespace {

using Kind = CallFailure::Kind;

// The server has closed while it was sent to: an answer that says why is waited for so long.
constexpr uint64_t kLastWordsMs = 1'000;

}  // namespace

CallImpl::CallImpl(UpstreamImpl& upstream, CallRequest request, CallHandler& handler)
    : upstream_(upstream),
      handler_(&handler),
      output_(std::move(request.head), request.body),
      hash_(request.hash),
      head_method_(request.head_method),
      idempotent_(request.idempotent),
      upgrade_(request.upgrade),
      wait_(*this) {
  record_.started_ns = upstream.environment().loop.TurnNs();
}

CallImpl::~CallImpl() {
  if (destroyed_ != nullptr) *destroyed_ = true;
  upstream_.Forget(*this);
  connecting_.reset();
  DropConnection();
  LeaveServer();
}

// --- finding a connection ---

bool CallImpl::Begin() {
  const Balancer::Choice choice = upstream_.balancer().Next(hash_, tried_, NowMs());
  if (choice.server != nullptr) {
    wait_.Cancel();
    Use(*choice.server, choice.probe);
  } else if (choice.full || (upstream_.servers().resolving() && !failure_)) {
    return false;
  } else if (failure_) {
    FailInTurn(std::move(*failure_));
  } else if (upstream_.servers().servers().empty()) {
    FailInTurn(Kind::kConnect, upstream_.servers().trouble());
  } else {
    FailInTurn(Kind::kNoServer, "no server of the upstream is up");
  }
  return true;
}

void CallImpl::Wait() {
  upstream_.environment().timers.Arm(wait_, upstream_.config().queue_timeout_ms);
  if (!upstream_.Enqueue(*this)) {
    FailInTurn(Kind::kQueueFull, "no place at a server is free, and the queue is full");
  }
}

void CallImpl::OnTimeout(event::TimerWheel::Node& /*node*/) {
  upstream_.Dequeue(*this);
  if (upstream_.servers().servers().empty()) {
    FailInTurn(Kind::kConnectTime, "the server's name was not resolved in time");
    return;
  }
  FailInTurn(Kind::kQueueTime, "no place at a server was free in time");
}

void CallImpl::Use(Server& server, bool probe) {
  server_ = &server;
  probe_ = probe;
  ++record_.tries;
  record_.server = server.name();
  record_.address = server.address_text();
  if (record_.tries > 1) server.stats().retries.Add();
  auto kept = upstream_.pool().Take(server);
  record_.reused = kept != nullptr;
  if (kept == nullptr) {
    Connect();
    return;
  }
  server.stats().reuses.Add();
  Attach(std::move(kept));
}

void CallImpl::Connect() {
  record_.reused = false;
  connecting_ = upstream_.dialer().Dial(
      *server_,
      [this](Result<std::unique_ptr<net::Stream>> result) { OnConnected(std::move(result)); });
}

void CallImpl::OnConnected(Result<std::unique_ptr<net::Stream>> result) {
  connecting_.reset();
  if (!result) {
    if (result.error().code == Errc::kLimit) {
      CountFailure(Kind::kConnect);
      LeaveServer();
      FailInTurn({.kind = Kind::kConnect, .detail = result.error().message});
      return;
    }
    const bool late = result.error().code == Errc::kTimeout;
    FailAttempt(
        {.kind = late ? Kind::kConnectTime : Kind::kConnect, .detail = result.error().message},
        true);
    return;
  }
  server_->stats().connects.Add();
  Attach(upstream_.MakeConnection(*server_, std::move(*result)));
  TellSendable();
}

void CallImpl::Attach(std::unique_ptr<Connection> connection) {
  connection_ = std::move(connection);
  record_.bytes_sent = record_.bytes_received = 0;
  connection_->Begin(
      *this,
      {.head_method = head_method_, .upgrade = upgrade_, .received = &record_.bytes_received});
  record_.connect_ns = record_.reused ? 1 : ElapsedNs();
  activity_ms_ = NowMs();
  if (paused_) connection_->stream().PauseReading(net::PauseReason::kBackpressure);
  // The head goes out with the first bytes of the body, if they come in this turn.
  corked_ = !output_.ended() && output_.unsent() == 0;
  if (corked_) {
    upstream_.GiveTurn(*this);
  } else {
    AfterWrite(output_.Flush(connection_->stream()));
  }
}

// --- sending ---

void CallImpl::SendBody(std::string_view bytes) {
  if (over()) return;
  corked_ = false;
  const bool alive = output_.Put(bytes, stream());
  tell_sendable_ = output_.unsent() > 0;
  if (connection_ != nullptr) AfterWrite(alive);
}

void CallImpl::EndBody(std::string_view trailers) {
  if (over()) return;
  corked_ = false;
  const bool alive = output_.End(trailers, stream());
  if (connection_ != nullptr) AfterWrite(alive);
}

// REQUIRES: connection_. It calls nobody back.
void CallImpl::AfterWrite(bool alive) {
  activity_ms_ = NowMs();
  record_.bytes_sent = output_.sent();
  const bool blocked = alive && output_.blocked();
  if (blocked != want_writable_) {
    want_writable_ = blocked;
    connection_->stream().WantWritable(blocked);
  }
  if (!alive) {
    if (output_.begun()) {
      output_.Stop();
      connection_->WakeBy(activity_ms_ + kLastWordsMs);
      return;
    }
    // Nothing of the request has left.
    output_.Rewind();
    DropConnection();
    if (record_.reused) {
      Connect();
    } else {
      FailAttempt({.kind = Kind::kSend, .detail = "the connection broke before it was used"}, true);
    }
    return;
  }
  if (blocked) {
    connection_->WakeBy(activity_ms_ + upstream_.config().send_timeout_ms);
  } else if (output_.complete()) {
    connection_->WakeBy(activity_ms_ + upstream_.config().read_timeout_ms);
  }
}

void CallImpl::OnWritable() {
  AfterWrite(output_.Flush(connection_->stream()));
  TellSendable();
}

// The last thing that its caller does.
void CallImpl::TellSendable() {
  if (!tell_sendable_ || over() || output_.unsent() > 0) return;
  tell_sendable_ = false;
  handler_->OnSendable();
}

// --- the answer ---

void CallImpl::OnInterim(const http::ResponseHead& head) {
  activity_ms_ = NowMs();
  handler_->OnInterim(head);
}

void CallImpl::OnHead(const http::ResponseHead& head) {
  activity_ms_ = NowMs();
  answered_ = true;
  CountHead(head.status());
  handler_->OnHead(head);
}

void CallImpl::CountHead(int status) {
  record_.head_ns = ElapsedNs();
  upstream_.stats().head.Observe(record_.head_ns);
  server_->stats().CountAnswer(status);
  server_->state().Succeeded();
}

void CallImpl::OnBody(std::string_view bytes) {
  activity_ms_ = NowMs();
  told_all_ = false;
  if (paused_ || !held_.empty()) {
    held_ += bytes;
  } else {
    handler_->OnBody(bytes);
  }
}

void CallImpl::OnPause() {
  if (answered_ && !paused_ && held_.empty()) TellPause();
}

void CallImpl::TellPause() {
  told_all_ = true;
  if (spent_) {
    GivePlace();
  } else {
    handler_->OnPause();
  }
}

void CallImpl::OnMessageEnd(std::string_view trailers) {
  held_trailers_ = trailers;
  record_.end_ns = ElapsedNs();
  std::unique_ptr<Connection> connection = std::move(connection_);
  // An app that serves max_connections of them would serve one that is idle before one more.
  if (place_given_ && server_->TakePlace()) place_given_ = false;
  if (output_.complete() && !place_given_) {
    connection->stream().ResumeReading(net::PauseReason::kBackpressure);
    connection->stream().LimitReads(net::kReadBytes);
    upstream_.pool().Put(std::move(connection));
  } else {
    Connection::Drop(std::move(connection));
  }
  LeaveServer();
  held_end_ = true;
  if (paused_ || !held_.empty()) return;
  DeliverHeld();
}

void CallImpl::OnSwitched(const http::ResponseHead& head, std::string_view rest) {
  CountHead(head.status());
  std::unique_ptr<net::Stream> stream = connection_->TakeStream();
  stream->ResumeReading(net::PauseReason::kBackpressure);
  DropConnection();  // the head lives until the end of the turn
  stream = upstream_.HandOver(*std::exchange(server_, nullptr), std::move(stream));
  std::exchange(handler_, nullptr)->OnUpgraded(head, std::move(stream), std::string(rest));
}

void CallImpl::PauseReading() {
  paused_ = true;
  if (connection_ != nullptr) {
    connection_->stream().PauseReading(net::PauseReason::kBackpressure);
  }
}

void CallImpl::ResumeReading() {
  if (!std::exchange(paused_, false)) return;
  if (!held_.empty() || held_end_) {
    upstream_.GiveTurn(*this);
  } else {
    ReadOn();
  }
}

void CallImpl::LimitReads(size_t bytes) {
  if (connection_ != nullptr) connection_->stream().LimitReads(bytes);
}

void CallImpl::ReadOn() {
  if (connection_ == nullptr) return;
  activity_ms_ = NowMs();
  connection_->WakeBy(activity_ms_ + upstream_.config().read_timeout_ms);
  connection_->stream().ResumeReading(net::PauseReason::kBackpressure);
}

bool CallImpl::CanBeReadOut(uint64_t bytes) const {
  if (connection_ == nullptr || !answered_ || !output_.complete() || paused_) return false;
  const http::ResponseHead& head = connection_->head();
  return head.keep_alive() &&
         (head.body() != http::ResponseHead::Body::kLength || head.content_length() <= bytes);
}

void CallImpl::Spend(CallHandler& handler) {
  handler_ = &handler;
  spent_ = true;
  if (told_all_) GivePlace();
}

void CallImpl::GivePlace() {
  if (std::exchange(place_given_, true)) return;
  server_->GivePlace();
  upstream_.OnPlaceFree();
}

// What came while the handler did not want it. The last thing that its caller does.
void CallImpl::DeliverHeld() {
  if (!held_.empty()) {
    bool destroyed = false;
    destroyed_ = &destroyed;
    const std::string held = std::exchange(held_, {});
    handler_->OnBody(held);
    if (destroyed) return;
    TellPause();
    if (destroyed) return;
    destroyed_ = nullptr;
  }
  if (paused_) return;
  if (!held_end_) {
    ReadOn();
    return;
  }
  const std::string trailers = std::move(held_trailers_);
  std::exchange(handler_, nullptr)->OnEnd(trailers);
}

void CallImpl::OnTurn() {
  if (handler_ == nullptr) return;
  if (failed_) {
    const CallFailure failure = std::move(*failure_);
    std::exchange(handler_, nullptr)->OnFailed(failure);
    return;
  }
  if (std::exchange(corked_, false)) AfterWrite(output_.Flush(connection_->stream()));
  if (!paused_ && (!held_.empty() || held_end_)) {
    DeliverHeld();
  } else {
    TellSendable();
  }
}

// --- failing ---

void CallImpl::OnBroken(CallFailure failure, bool untouched) {
  DropConnection();
  if (untouched && record_.reused && idempotent_ && !stale_ && !output_.body_begun()) {
    stale_ = true;
    ++record_.tries;
    server_->stats().retries.Add();
    output_.Rewind();
    Connect();
    return;
  }
  if (output_.stopped()) failure.kind = Kind::kSend;
  FailAttempt(std::move(failure), false);
}

void CallImpl::OnDeadline() {
  const config::Upstream& config = upstream_.config();
  const bool waits = output_.complete() && !paused_;
  const uint64_t limit = output_.stopped()   ? kLastWordsMs
                         : output_.blocked() ? config.send_timeout_ms
                                             : config.read_timeout_ms;
  const uint64_t now = NowMs();
  if (!output_.stopped() && !output_.blocked() && !waits) {
    connection_->WakeBy(now + limit);
  } else if (now < activity_ms_ + limit) {
    connection_->WakeBy(activity_ms_ + limit);
  } else if (output_.stopped()) {
    FailAttempt({.kind = Kind::kSend, .detail = "the server closed while it was sent to"}, false);
  } else if (output_.blocked()) {
    FailAttempt({.kind = Kind::kSendTime, .detail = "the server took no byte for too long"}, false);
  } else {
    FailAttempt({.kind = Kind::kReadTime,
                 .detail = answered_ ? "the server was silent for too long inside its answer"
                                     : "the server did not answer in time"},
                false);
  }
}

void CallImpl::FailAttempt(CallFailure failure, bool again) {
  Server& server = *server_;
  if (!spent_) CountFailure(failure.kind);
  if (!answered_) upstream_.OnServerFailed(server, probe_, failure);
  DropConnection();
  LeaveServer();
  if (!again) {
    FailInTurn(std::move(failure));
    return;
  }
  tried_.push_back(server.id());
  failure_ = std::move(failure);
  if (!Begin()) Wait();
}

void CallImpl::FailInTurn(CallFailure::Kind kind, std::string_view detail) {
  upstream_.stats().failures[static_cast<size_t>(kind)].Add();
  FailInTurn({.kind = kind, .detail = std::string(detail)});
}

void CallImpl::FailInTurn(CallFailure failure) {
  wait_.Cancel();
  record_.end_ns = ElapsedNs();
  failure_ = std::move(failure);
  failed_ = true;
  upstream_.GiveTurn(*this);
}

// REQUIRES: server_.
void CallImpl::CountFailure(Kind kind) {
  server_->stats().CountFailure(kind);
  record_.failures.push_back({*server_->address_text(), kind});
}

void CallImpl::DropConnection() {
  want_writable_ = corked_ = false;
  if (connection_ != nullptr) Connection::Drop(std::move(connection_));
}

void CallImpl::LeaveServer() {
  if (server_ == nullptr) return;
  Server& server = *std::exchange(server_, nullptr);
  if (place_given_) {
    server.EndWithoutPlace();
    return;
  }
  server.Leave();
  upstream_.OnPlaceFree();
}

uint64_t CallImpl::ElapsedNs() const {
  return std::max<uint64_t>(upstream_.environment().loop.TurnNs() - record_.started_ns, 1);
}

uint64_t CallImpl::NowMs() const {
  return upstream_.environment().loop.NowMs();
}

}  // namespace sluice::proxy
