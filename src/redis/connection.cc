#include "redis/connection.h"

#include <algorithm>
#include <cassert>
#include <system_error>
#include <utility>

#include <sys/uio.h>

#include "redis/command.h"

namespace sluice::redis {
namespace {

// What a call costs beside its bytes, so that many small ones are bounded too.
constexpr size_t kCallBytes = 64;
// Channel names and errors are strings too, however small the limit on messages is.
constexpr size_t kLongestWord = 64UL * 1024;
// What a message takes beside its payload.
constexpr size_t kReplyOverhead = 128UL * 1024;
// How long to wait for what Redis said before it stopped reading.
constexpr uint64_t kLastWordsMs = 100;
// A burst must not pin its memory for ever.
constexpr size_t kKeepBytes = 256UL * 1024;

Fault BrokenBy(int error) {
  return {Cause::kLost, "connection lost: " + std::generic_category().message(error)};
}

}  // namespace

Connection::Connection(event::Loop& loop, net::Network& network, const Options& options,
                       ConnectionHandler& handler)
    : loop_(loop),
      network_(network),
      options_(options),
      handler_(handler),
      timer_(loop.MakeTimer([this] { OnTimer(); })),
      reader_({.reply_bytes =
                   std::max(options.max_reply_bytes, options.max_message_bytes + kReplyOverhead),
               .string_bytes = std::max(options.max_message_bytes, kLongestWord)}) {}

Connection::~Connection() = default;

void Connection::Open() {
  connecting_ = network_.Connect(options_.endpoint, options_.connect_timeout_ms,
                                 [this](Result<std::unique_ptr<net::Stream>> result) {
                                   if (state_ != State::kConnecting) return;
                                   if (!result) {
                                     Die({Cause::kConnect, std::move(result.error().message)});
                                     return;
                                   }
                                   stream_ = std::move(*result);
                                   stream_->SetHandler(this);
                                   LogIn();
                                 });
}

void Connection::LogIn() {
  state_ = State::kLogin;
  last_data_ms_ = loop_.NowMs();
  timer_->Start(options_.connect_timeout_ms);
  if (!options_.user.empty() || !options_.password.empty()) {
    const auto done = [this](const Reply& reply) {
      if (reply.is_error()) return Die(FaultFromAuth(reply.text));
      LoginStepDone();
    };
    if (options_.user.empty()) {
      CallForLogin({"AUTH", options_.password}, done);
    } else {
      CallForLogin({"AUTH", options_.user, options_.password}, done);
    }
  }
  if (options_.database != 0) {
    const std::string database = std::to_string(options_.database);
    CallForLogin({"SELECT", database}, [this, database](const Reply& reply) {
      if (reply.is_error()) return Die(FaultFromReply("SELECT " + database, reply.text));
      LoginStepDone();
    });
  }
  // The name only helps people who read CLIENT LIST: that it is not known or not allowed is no
  // fault, but what says that nothing else will work either is.
  CallForLogin({"CLIENT", "SETNAME", "sluice"}, [this](const Reply& reply) {
    if (reply.is_error()) {
      Fault fault = FaultFromReply("login", reply.text);
      if (fault.cause != Cause::kRefused && fault.cause != Cause::kNoPermission) {
        return Die(std::move(fault));
      }
    }
    LoginStepDone();
  });
}

void Connection::CallForLogin(std::initializer_list<std::string_view> words,
                              std::function<void(const Reply&)> done) {
  ++login_steps_;
  Call(words, 0, Bound::kAlways, [done = std::move(done)](Result<const Reply*> reply) {
    if (reply) done(**reply);
  });
}

void Connection::LoginStepDone() {
  if (--login_steps_ > 0 || state_ != State::kLogin) return;
  state_ = State::kReady;
  timer_->Stop();
  handler_.OnReady(*this);
}

void Connection::Call(std::initializer_list<std::string_view> words, uint64_t timeout_ms,
                      Bound bound, ReplyCallback done) {
  if (!alive()) return done(Fail(Errc::kUnavailable, "the connection to Redis is lost"));
  size_t bytes = kCallBytes;
  for (const std::string_view word : words) bytes += word.size();
  if (bound == Bound::kLimited && pending_bytes_ + bytes > options_.max_pending_bytes) {
    return done(Fail(Errc::kLimit, "Redis answers too slowly: too many commands are waiting"));
  }
  const uint64_t number = first_pending_ + pending_.size();
  pending_.push_back({std::move(done), bytes});
  pending_bytes_ += bytes;
  if (timeout_ms != 0) {
    assert(state_ == State::kReady);  // before, the timer is the login's
    const uint64_t at_ms = loop_.NowMs() + timeout_ms;
    if (deadlines_.empty()) timer_->Start(timeout_ms);
    deadlines_.push_back({number, at_ms});
  }
  AppendCommand(out_, words);
  Flush();
}

void Connection::Write(std::initializer_list<std::string_view> words) {
  if (state_ == State::kReady) AppendCommand(out_, words);
}

void Connection::Flush() {
  if (!alive() || backlog_bytes() == 0) return;
  const iovec part{out_.data() + sent_, backlog_bytes()};
  const ssize_t taken = stream_->TryWrite({&part, 1});
  if (taken < 0) return DieLater(BrokenBy(static_cast<int>(-taken)));
  sent_ += static_cast<size_t>(taken);
  if (backlog_bytes() == 0) {
    out_.clear();
    if (out_.capacity() > kKeepBytes) out_.shrink_to_fit();
    sent_ = 0;
    return;
  }
  if (sent_ > kKeepBytes && sent_ > out_.size() / 2) {
    out_.erase(0, sent_);
    sent_ = 0;
  }
  if (!std::exchange(draining_, true)) stream_->WantWritable(true);
}

void Connection::OnWritable() {
  Flush();
  if (backlog_bytes() > 0 || !alive()) return;
  draining_ = false;
  stream_->WantWritable(false);
  if (state_ == State::kReady) handler_.OnDrained(*this);
}

void Connection::OnData(std::string_view bytes) {
  if (!reads()) return;
  last_data_ms_ = loop_.NowMs();
  const Result<> read = reader_.Read(bytes, [this](const Reply& reply) {
    TakeReply(reply);
    return reads();
  });
  if (read) return;
  const bool too_large = read.error().code == Errc::kLimit;
  Die({too_large ? Cause::kTooLarge : Cause::kProtocol, read.error().message});
}

void Connection::TakeReply(const Reply& reply) {
  if (pending_.empty()) return handler_.OnReply(*this, reply);
  const Pending call = std::move(pending_.front());
  pending_.pop_front();
  pending_bytes_ -= call.bytes;
  ++first_pending_;
  while (!deadlines_.empty() && deadlines_.front().call < first_pending_) deadlines_.pop_front();
  if (call.done) call.done(&reply);
}

void Connection::OnEnd() {
  if (state_ == State::kDying) return Die(std::move(fault_));
  if (alive()) Die({Cause::kClosed, "Redis closed the connection"});
}

void Connection::OnClosed(int error) {
  if (reads()) Die(BrokenBy(error));
}

void Connection::OnTimer() {
  switch (state_) {
    case State::kLogin:
      return Die({Cause::kSilent, "no answer to the login in time"});
    case State::kReady:
      return ExpireCalls();
    case State::kDying:
      return Die(std::move(fault_));
    case State::kConnecting:
    case State::kDead:
      return;
  }
}

void Connection::ExpireCalls() {
  const uint64_t now_ms = loop_.NowMs();
  while (alive() && !deadlines_.empty() && deadlines_.front().at_ms <= now_ms) {
    const uint64_t index = deadlines_.front().call - first_pending_;
    deadlines_.pop_front();
    // The entry stays: its reply may still come, and must not be taken for the next one's.
    const ReplyCallback done = std::exchange(pending_[index].done, nullptr);
    done(Fail(Errc::kTimeout, "Redis did not answer in time"));
  }
  if (alive() && !deadlines_.empty()) timer_->Start(deadlines_.front().at_ms - now_ms);
}

void Connection::DieLater(Fault fault) {
  state_ = State::kDying;
  fault_ = std::move(fault);
  timer_->Start(kLastWordsMs);
}

void Connection::Die(Fault fault) {
  // Copied: `fault` may be fault_.
  const Fault last = std::move(fault);
  Shut();
  handler_.OnFault(*this, last);
}

void Connection::Shut() {
  state_ = State::kDead;
  timer_->Stop();
  connecting_.reset();
  stream_.reset();
}

void Connection::Close(std::string_view reason) {
  Shut();
  deadlines_.clear();
  for (const Pending& call : std::exchange(pending_, {})) {
    if (call.done) call.done(Fail(Errc::kUnavailable, std::string(reason)));
  }
}

}  // namespace sluice::redis
