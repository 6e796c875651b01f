#include "sluice/redis/pubsub_link.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "redis/pubsub_link_impl.h"
#include "sluice/base/log.h"
#include "sluice/base/random.h"

namespace sluice::redis {
namespace {

constexpr std::string_view kControlPrefix = "sluice:ctl:";
// SUBSCRIBE commands go out in writes of about this size.
constexpr size_t kBatchBytes = 64UL * 1024;
// After a link that lived so long, the next attempt comes at once.
constexpr uint64_t kLongLivedMs = 10'000;
// Different faults that are logged between two times that the link is up.
constexpr size_t kMaxLogged = 32;

void Add(std::atomic<uint64_t>& counter) {
  // One thread writes, so no locked instruction is needed.
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

std::string Describe(const net::Endpoint& endpoint, const Fault& fault) {
  std::string text;
  if (fault.cause != Cause::kConnect) text = endpoint.ToString() + ": ";  // else it says where
  text += fault.what;
  const std::string_view advice = fault.advice();
  if (!advice.empty()) text.append(" (").append(advice).append(")");
  return text;
}

}  // namespace

PubSubLink::Impl::Impl(event::Loop& loop, net::Network& network, Options options,
                       PubSubHandler& handler)
    : loop_(loop),
      network_(network),
      options_(std::move(options)),
      handler_(handler),
      control_channel_(std::string(kControlPrefix) + RandomName(20)),
      timer_(loop.MakeTimer([this] { OnTimer(); })),
      backoff_(options_.backoff_max_ms),
      probe_(options_.probe_interval_ms) {
  subscriptions_.Want(control_channel_);
}

void PubSubLink::Impl::Start() {
  trouble_ = options_.endpoint.ToString() + ": connecting";
  Connect();
}

void PubSubLink::Impl::Connect() {
  state_ = State::kConnecting;
  ready_ = 0;
  subscriber_ = std::make_unique<Connection>(loop_, network_, options_, *this);
  commands_ = std::make_unique<Connection>(loop_, network_, options_, *this);
  subscriber_->Open();
  commands_->Open();
}

void PubSubLink::Impl::OnReady(Connection& /*connection*/) {
  if (++ready_ < 2) return;
  state_ = State::kSubscribing;
  // Redis answers in order: when the control channel is acknowledged, all others are.
  subscriptions_.Begin(control_channel_);
  timer_->Start(options_.connect_timeout_ms);
  Pump();
}

void PubSubLink::Impl::Subscribe(std::string_view channel) {
  if (channel == control_channel_ || !subscriptions_.Want(channel)) return;
  if (state_ >= State::kSubscribing) Pump();
}

void PubSubLink::Impl::Unsubscribe(std::string_view channel) {
  if (channel == control_channel_ || !subscriptions_.Unwant(channel)) return;
  if (state_ >= State::kSubscribing) Pump();
}

void PubSubLink::Impl::Pump() {
  while (subscriptions_.has_next() && subscriber_->backlog_bytes() == 0) {
    while (subscriber_->backlog_bytes() < kBatchBytes) {
      const Subscriptions::Command command = subscriptions_.Next();
      if (command.channel == nullptr) break;
      subscriber_->Write({command.subscribe ? "SUBSCRIBE" : "UNSUBSCRIBE", command.channel->name});
    }
    subscriber_->Flush();
  }
}

void PubSubLink::Impl::OnDrained(Connection& connection) {
  if (&connection == subscriber_.get() && state_ >= State::kSubscribing) Pump();
}

void PubSubLink::Impl::OnReply(Connection& connection, const Reply& reply) {
  if (&connection != subscriber_.get() || state_ < State::kSubscribing) {
    return TakeUnexpected(reply);
  }
  if (reply.is_error()) return TakeRefusal(reply.text);
  if (reply.elements.size() != 3 || !reply.elements[0].is_string() ||
      !reply.elements[1].is_string()) {
    return TakeUnexpected(reply);
  }
  const std::string_view kind = reply.elements[0].text;
  const std::string_view channel = reply.elements[1].text;
  const Reply& last = reply.elements[2];
  if (kind == "message" && last.is_string()) return TakeMessage(channel, last);
  if (last.type != Reply::Type::kInteger) return TakeUnexpected(reply);
  if (kind == "subscribe") return TakeAnswer(true, channel);
  if (kind == "unsubscribe") return TakeAnswer(false, channel);
  TakeUnexpected(reply);
}

void PubSubLink::Impl::TakeMessage(std::string_view channel, const Reply& payload) {
  if (channel == control_channel_) return TakeBeat(payload.text);
  if (subscriptions_.FindLive(channel) == nullptr) return;
  if (payload.size > options_.max_message_bytes) {
    Add(stats_.oversized);
    return handler_.OnOversized(channel, payload.size);
  }
  Add(stats_.messages);
  handler_.OnMessage(channel, payload.text);
}

void PubSubLink::Impl::TakeAnswer(bool subscribe, std::string_view channel) {
  switch (subscriptions_.Acknowledge(subscribe, channel).meaning) {
    case Subscriptions::Meaning::kSubscribed:
      break;
    case Subscriptions::Meaning::kUnexpected:
      return BecomeDown({Cause::kProtocol, "an answer to a command that was not sent"});
    case Subscriptions::Meaning::kRefused:
    case Subscriptions::Meaning::kStale:
      return;
  }
  if (channel != control_channel_) return handler_.OnSubscribed(channel);
  state_ = State::kProving;
  probe_.Reset();
  timer_->Start(probe_.interval_ms(), probe_.interval_ms());
  SendBeat();
}

void PubSubLink::Impl::TakeRefusal(std::string_view error) {
  const Subscriptions::Answer answer = subscriptions_.Refuse();
  if (answer.meaning == Subscriptions::Meaning::kUnexpected) {
    return BecomeDown(FaultFromReply("Redis says", error));
  }
  const Fault fault = FaultFromReply("SUBSCRIBE", error);
  const bool refused = answer.meaning == Subscriptions::Meaning::kRefused;
  if (fault.cause != Cause::kNoPermission ||
      (refused && answer.channel->name == control_channel_)) {
    return BecomeDown(fault);
  }
  if (!refused) return;
  const std::string channel(answer.channel->name);
  const std::string reason = Describe(options_.endpoint, fault);
  if (FirstTime(reason)) {
    LogWarn("Redis refuses a channel, the first is \"{}\": {}", channel.substr(0, 200), reason);
  }
  handler_.OnSubscribeFailed(channel, reason);
}

void PubSubLink::Impl::TakeUnexpected(const Reply& reply) {
  if (reply.is_error()) return BecomeDown(FaultFromReply("Redis says", reply.text));
  BecomeDown({Cause::kProtocol, "a reply that fits no command"});
}

void PubSubLink::Impl::TakeBeat(std::string_view payload) {
  const std::optional<uint64_t> took_ns = probe_.Receive(payload, loop_.NowNs());
  if (!took_ns) return;
  stats_.probe_ns.store(std::max<uint64_t>(*took_ns, 1), std::memory_order_relaxed);
  if (state_ == State::kProving) BecomeUp();
}

void PubSubLink::Impl::SendBeat() {
  const std::string beat = probe_.Send(loop_.NowMs(), loop_.NowNs());
  commands_->Call({"PUBLISH", control_channel_, beat}, 0, Connection::Bound::kAlways,
                  [this](Result<const Reply*> reply) {
                    if (reply && (*reply)->is_error()) {
                      BecomeDown(FaultFromReply("PUBLISH", (*reply)->text));
                    }
                  });
}

void PubSubLink::Impl::Publish(std::string_view channel, std::string_view payload,
                               PublishCallback done) {
  if (state_ != State::kUp) {
    return done(Fail(Errc::kUnavailable, "the link to Redis is down: " + trouble_));
  }
  commands_->Call({"PUBLISH", channel, payload}, options_.publish_timeout_ms,
                  Connection::Bound::kLimited,
                  [this, done = std::move(done)](Result<const Reply*> result) {
                    if (!result) return done(tl::unexpected<Error>(std::move(result.error())));
                    const Reply& reply = **result;
                    if (reply.type == Reply::Type::kInteger) return done(reply.integer);
                    if (!reply.is_error()) {
                      done(Fail(Errc::kUnavailable, "Redis did not answer PUBLISH with a number"));
                      return TakeUnexpected(reply);
                    }
                    const Fault fault = FaultFromReply("PUBLISH", reply.text);
                    const std::string reason = Describe(options_.endpoint, fault);
                    if (FirstTime(reason)) LogWarn("Redis refuses to publish: {}", reason);
                    done(Fail(fault.cause == Cause::kRefused ? Errc::kInvalid : Errc::kUnavailable,
                              fault.what));
                  });
}

void PubSubLink::Impl::OnTimer() {
  switch (state_) {
    case State::kIdle:
    case State::kConnecting:
      return;
    case State::kWaiting:
      return Connect();
    case State::kSubscribing:
      return CheckAnswers();
    case State::kProving:
    case State::kUp:
      if (const auto limit_ms = probe_.Missing(loop_.NowMs(), subscriber_->last_data_ms())) {
        return BecomeDown({Cause::kSilent, "a probe message did not come back within " +
                                               std::to_string(*limit_ms) + " ms"});
      }
      return SendBeat();
  }
}

void PubSubLink::Impl::CheckAnswers() {
  const uint64_t quiet_ms = loop_.NowMs() - subscriber_->last_data_ms();
  if (quiet_ms < options_.connect_timeout_ms) {
    return timer_->Start(options_.connect_timeout_ms - quiet_ms);
  }
  BecomeDown({Cause::kSilent, "no answer to SUBSCRIBE in time"});
}

void PubSubLink::Impl::BecomeUp() {
  state_ = State::kUp;
  up_since_ms_ = loop_.NowMs();
  trouble_.clear();
  logged_.clear();
  stats_.up.store(true, std::memory_order_relaxed);
  if (std::exchange(was_up_, true)) Add(stats_.reconnects);
  LogInfo("Redis link up: {}, {} channels", options_.endpoint.ToString(),
          subscriptions_.wanted() - 1);
  handler_.OnLinkUp();
}

void PubSubLink::Impl::OnFault(Connection& /*connection*/, const Fault& fault) {
  BecomeDown(fault);
}

void PubSubLink::Impl::BecomeDown(const Fault& fault) {
  const bool was_up = state_ == State::kUp;
  const bool long_lived = was_up && loop_.NowMs() - up_since_ms_ >= kLongLivedMs;
  if (long_lived) backoff_.Reset();

  // All is settled before anyone is called, for a callback may call us.
  state_ = State::kWaiting;
  trouble_ = Describe(options_.endpoint, fault);
  stats_.up.store(false, std::memory_order_relaxed);
  Add(stats_.failures);
  subscriptions_.Lost();
  timer_->Start(long_lived ? 0 : backoff_.Next());
  const std::string reason = trouble_;
  if (FirstTime(reason) || was_up) {
    LogWarn("Redis link down: {}; trying again", reason);
  } else {
    LogDebug("Redis link down: {}", reason);
  }
  auto subscriber = std::move(subscriber_);
  auto commands = std::move(commands_);
  Drop(std::move(subscriber));
  Drop(std::move(commands));
  handler_.OnLinkDown(reason);
}

void PubSubLink::Impl::Drop(std::unique_ptr<Connection> connection) {
  if (connection == nullptr) return;
  connection->Close("the link to Redis is down: " + trouble_);
  loop_.DeferDelete(std::move(connection));  // it may be on the stack
}

bool PubSubLink::Impl::FirstTime(const std::string& text) {
  if (logged_.size() >= kMaxLogged) return false;
  if (std::find(logged_.begin(), logged_.end(), text) != logged_.end()) return false;
  logged_.push_back(text);
  return true;
}

PubSubLink::PubSubLink(event::Loop& loop, net::Network& network, Options options,
                       PubSubHandler& handler)
    : impl_(std::make_unique<Impl>(loop, network, std::move(options), handler)) {}

PubSubLink::~PubSubLink() = default;

void PubSubLink::Start() {
  impl_->Start();
}

void PubSubLink::Subscribe(std::string_view channel) {
  impl_->Subscribe(channel);
}

void PubSubLink::Unsubscribe(std::string_view channel) {
  impl_->Unsubscribe(channel);
}

void PubSubLink::Publish(std::string_view channel, std::string_view payload, PublishCallback done) {
  impl_->Publish(channel, payload, std::move(done));
}

bool PubSubLink::up() const {
  return impl_->up();
}

const std::string& PubSubLink::trouble() const {
  return impl_->trouble();
}

const LinkStats& PubSubLink::stats() const {
  return impl_->stats();
}

}  // namespace sluice::redis
