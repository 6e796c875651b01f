#include "sluice/pubsub/ingest.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include <fmt/format.h>

#include "sluice/base/log.h"
#include "sluice/base/random.h"
#include "sluice/pubsub/broker_payload.h"

namespace sluice::pubsub {
namespace {

constexpr uint64_t kSweepMs = 5'000;
constexpr uint32_t kEpochLetters = 6;
constexpr uint32_t kMessageIdLetters = 16;

// Short names for the channels' epochs: unique in this process by the number, and among processes
// by the random prefix.
std::string Base36(uint64_t number) {
  std::string digits;
  do {
    digits += "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36];
    number /= 36;
  } while (number > 0);
  std::reverse(digits.begin(), digits.end());
  return digits;
}

}  // namespace

struct Ingest::Channel {
  Channel(std::string channel_name, TopicEntryPtr topic_entry, Shared& of_entry)
      : name(std::move(channel_name)),
        entry(std::move(topic_entry)),
        shared(of_entry),
        ring(entry->config.history) {}

  [[nodiscard]] const config::Topic& topic() const { return entry->config; }

  std::string name;
  TopicEntryPtr entry;
  Shared& shared;
  uint32_t id = 0;
  std::string epoch;
  Ring ring;
  bool live = false;
  bool was_live = false;          // a further acknowledgement means that messages may be missing
  bool ended = false;             // nothing more will come
  std::vector<uint32_t> workers;  // who wants it
  SharedCount subscribers = std::make_shared<std::atomic<uint32_t>>(0);
};

Ingest::Ingest(event::Loop& loop, CatalogPtr catalog, const BrokerFactory& make_broker,
               const BrokerFactory& make_upstream_broker)
    : loop_(loop),
      catalog_(std::move(catalog)),
      epoch_prefix_(RandomName(kEpochLetters)),
      broker_(make_broker(*this)),
      upstream_broker_(make_upstream_broker ? make_upstream_broker(*this) : nullptr),
      own_(*this),
      sweep_(loop.MakeTimer([this] { Sweep(); })),
      waker_(loop.MakeWaker([this] {
        inbox_.Drain([this](IngestCommand& command) {
          std::visit([this](auto& what) { Handle(what); }, command);
        });
      })),
      inbox_([this] { waker_->Wake(); }) {}

Ingest::~Ingest() = default;

void Ingest::Start() {
  broker_->Start();
  if (upstream_broker_ != nullptr) upstream_broker_->Start();
  sweep_->Start(kSweepMs, kSweepMs);
}

void Ingest::SetCatalog(CatalogPtr catalog) {
  catalog_ = std::move(catalog);
  std::vector<std::string> changed;
  for (auto& [name, channel] : channels_) {
    TopicEntryPtr now = catalog_->Find(name);
    if (ChangeOf(channel->entry, now) == TopicChange::kIdentity) {
      changed.push_back(name);
      continue;
    }
    if (channel->entry == now) continue;
    channel->ring.SetLimits(now->config.history);
    channel->entry = std::move(now);
  }
  for (const std::string& name : changed) Erase(name);
}

// --- from the workers ---

void Ingest::Handle(SubscribeCommand& command) {
  const Result<Channel*> made = FindOrMake(command.entry, command.channel);
  if (!made) {
    Tell(command.worker, RefusedEvent{command.channel, made.error()});
    return;
  }
  Channel& channel = **made;
  if (std::find(channel.workers.begin(), channel.workers.end(), command.worker) ==
      channel.workers.end()) {
    channel.workers.push_back(command.worker);
  }
  if (channel.live) SendLive(channel, command.worker);
  if (channel.ended) Tell(command.worker, EndedEvent{channel.name});
}

void Ingest::Handle(UnsubscribeCommand& command) {
  Channel* channel = Find(command.channel);
  if (channel == nullptr) return;
  std::erase(channel->workers, command.worker);
  if (channel->workers.empty() && !BrokerOf(channel->topic()).embedded()) Erase(command.channel);
}

void Ingest::Handle(PublishCommand& command) {
  const config::Topic& topic = command.entry->config;
  if (topic.format == config::Format::kJson) {
    const Result<Message> checked = decoder_.Decode(topic, command.data);
    if (!checked) {
      Reply(command, tl::unexpected(checked.error()));
      return;
    }
  }
  if (broker_->embedded()) {
    const Result<Channel*> made = FindOrMake(command.entry, command.channel);
    if (!made) {
      Reply(command, tl::unexpected(made.error()));
      return;
    }
    Channel& channel = **made;
    const Result<FrameRef> delivered = Deliver(
        channel, decoder_.Decode(topic, WrapPayload(command.data, command.event, command.id)));
    if (delivered) {
      Reply(command, std::string((*delivered)->id()));
    } else {
      Reply(command, tl::unexpected(delivered.error()));
    }
    return;
  }
  // Through a shared broker the id is given here, so that the event has the same one everywhere.
  if (command.id.empty()) command.id = RandomName(kMessageIdLetters);
  const std::string channel = command.channel;
  const std::string payload = WrapPayload(command.data, command.event, command.id);
  broker_->Publish(channel, payload, [this, command = std::move(command)](Result<> done) {
    if (done) {
      Reply(command, command.id);
    } else {
      Reply(command, tl::unexpected(done.error()));
    }
  });
}

void Ingest::Handle(OwnMessageCommand& command) {
  const Result<Channel*> made = FindOrMake(command.entry, command.entry->config.channel);
  if (!made) return;
  // A failure is logged and counted there.
  (void)Deliver(**made, decoder_.Decode((*made)->topic(), command.data));
}

void Ingest::Tell(uint32_t worker, HubEvent event) {
  if (worker < workers_.size()) workers_[worker]->Push(std::move(event));
}

void Ingest::Reply(const PublishCommand& command, Result<std::string> id) {
  if (id) {
    stats_.published.Add();
  } else {
    stats_.publish_failures.Add();
  }
  Tell(command.worker, PublishedEvent{command.ticket, std::move(id)});
}

// --- channels ---

Broker& Ingest::BrokerOf(const config::Topic& topic) {
  switch (topic.source) {
    case config::Source::kMetrics:
      return own_;
    case config::Source::kUpstream:
      assert(upstream_broker_ != nullptr);
      return *upstream_broker_;
    case config::Source::kPubSub:
      break;
  }
  return *broker_;
}

Ingest::Channel* Ingest::Find(std::string_view name) {
  const auto found = channels_.find(std::string(name));
  return found == channels_.end() ? nullptr : found->second.get();
}

Result<Ingest::Channel*> Ingest::FindOrMake(const TopicEntryPtr& entry, const std::string& name) {
  Channel* const existing = Find(name);
  // A worker, or a publisher, may not have heard of the reload yet.
  const TopicEntryPtr now = existing != nullptr ? existing->entry : catalog_->Find(name);
  if (ChangeOf(entry, now) == TopicChange::kIdentity) {
    return Fail(Errc::kClosed, "a reload has changed this topic");
  }
  if (existing != nullptr) return existing;
  const config::Topic& topic = now->config;
  Shared& shared = shared_[&now->counters];
  if (shared.channels >= topic.max_topics) {
    return Fail(Errc::kLimit, fmt::format("there are {} topics of this kind already: "
                                          "topics.{}.limits.topics",
                                          topic.max_topics, topic.name));
  }
  auto owned = std::make_unique<Channel>(name, now, shared);
  Channel* channel = owned.get();
  channel->id = next_channel_id_++;
  channel->epoch = epoch_prefix_ + Base36(channel->id);
  channels_.emplace(name, std::move(owned));
  ++shared.channels;
  stats_.channels.Set(channels_.size());
  BrokerOf(topic).Subscribe(name, now);
  // It may have been refused in that call.
  channel = Find(name);
  if (channel == nullptr) {
    return Fail(Errc::kUnavailable, "the broker refuses the subscription");
  }
  return channel;
}

void Ingest::Erase(const std::string& name) {
  const auto found = channels_.find(name);
  // `name` may be the channel's own.
  const std::unique_ptr<Channel> channel = std::move(found->second);
  --channel->shared.channels;
  channels_.erase(found);
  stats_.channels.Set(channels_.size());
  BrokerOf(channel->topic()).Unsubscribe(channel->name);
}

void Ingest::Sweep() {
  std::vector<std::string> unused;
  for (auto& [name, channel] : channels_) {
    if (!BrokerOf(channel->topic()).embedded()) continue;
    channel->ring.Trim(loop_.NowNs(), channel->ring.next());
    if (channel->workers.empty() && channel->ring.empty()) unused.push_back(name);
  }
  for (const std::string& name : unused) Erase(name);
}

// --- from the broker ---

void Ingest::OnSubscribed(std::string_view name) {
  Channel* channel = Find(name);
  if (channel == nullptr) return;
  if (channel->was_live) DeliverGap(*channel, GapReason::kSourceLost);
  BecomeLive(*channel);
}

void Ingest::OnResumed(std::string_view name) {
  if (Channel* channel = Find(name)) BecomeLive(*channel);
}

void Ingest::BecomeLive(Channel& channel) {
  channel.live = channel.was_live = true;
  for (const uint32_t worker : channel.workers) SendLive(channel, worker);
}

void Ingest::OnSubscribeFailed(std::string_view name, std::string_view reason) {
  Channel* channel = Find(name);
  if (channel == nullptr) return;
  if (const auto left_out = channel->shared.refused.Admit(loop_.NowMs())) {
    LogWarn("topic={} the broker refuses the subscription, its clients get 503: {}{}", name, reason,
            LeftOut(*left_out));
  }
  channel->live = false;
  for (const uint32_t worker : channel->workers) {
    Tell(worker,
         RefusedEvent{channel->name, {Errc::kUnavailable, "the broker refuses the subscription"}});
  }
  // Without subscribers there is nothing to keep; with some, the link asks again when it is made
  // anew.
  if (!channel->was_live) Erase(channel->name);
}

void Ingest::OnMessage(std::string_view name, std::string_view payload) {
  Channel* channel = Find(name);
  if (channel != nullptr) (void)Deliver(*channel, decoder_.Decode(channel->topic(), payload));
}

void Ingest::OnEvent(std::string_view name, const Message& event) {
  Channel* channel = Find(name);
  if (channel != nullptr) (void)Deliver(*channel, decoder_.DecodeEvent(channel->topic(), event));
}

void Ingest::OnOversized(std::string_view name, uint64_t size) {
  Channel* channel = Find(name);
  if (channel == nullptr) return;
  Drop(*channel,
       fmt::format("{} bytes are over limits.message_bytes={}", size,
                   catalog_->limits().message_bytes),
       "raise that or send less; subscribers were told too_large");
  DeliverGap(*channel, GapReason::kTooLarge);
}

void Ingest::OnSourceDown() {
  bool any = false;
  for (auto& [name, channel] : channels_) {
    if (&BrokerOf(channel->topic()) != broker_.get()) continue;
    any = std::exchange(channel->live, false) || any;
  }
  if (!any) return;
  for (HubInbox* worker : workers_) worker->Push(SourceDownEvent{});
}

void Ingest::OnChannelDown(std::string_view name) {
  Channel* channel = Find(name);
  if (channel == nullptr || !std::exchange(channel->live, false)) return;
  for (const uint32_t worker : channel->workers) Tell(worker, SourceDownEvent{channel->name});
}

// The channel stays until its workers leave it: until then nobody asks the source again.
void Ingest::OnEnded(std::string_view name) {
  Channel* channel = Find(name);
  if (channel == nullptr) return;
  channel->live = false;
  channel->ended = true;
  for (const uint32_t worker : channel->workers) Tell(worker, EndedEvent{channel->name});
}

void Ingest::SendLive(Channel& channel, uint32_t worker) {
  LiveEvent event;
  event.channel = channel.name;
  event.channel_id = channel.id;
  event.epoch = channel.epoch;
  event.next = channel.ring.next();
  event.backlog.reserve(channel.ring.size());
  for (uint64_t at = channel.ring.first(); at < channel.ring.next(); ++at) {
    event.backlog.push_back(channel.ring.At(at));
  }
  event.subscribers = channel.subscribers;
  Tell(worker, std::move(event));
}

Result<FrameRef> Ingest::Deliver(Channel& channel, Result<Message> message) {
  if (!message) {
    Drop(channel, message.error().message, "mend its publisher, or change the topic's format");
    return tl::unexpected(message.error());
  }
  Result<FrameRef> frame = encoder_.Make(
      std::move(*message),
      {.epoch = channel.epoch, .sequence = channel.ring.next(), .received_ns = loop_.NowNs()});
  if (!frame) {
    Drop(channel, frame.error().message, "mend its publisher");
    return tl::unexpected(frame.error());
  }
  channel.entry->counters.events.Add();
  Spread(channel, *frame, GapReason::kSourceLost);
  return frame;
}

void Ingest::Drop(const Channel& channel, std::string_view why, std::string_view advice) {
  channel.entry->counters.dropped.Add();
  if (const auto left_out = channel.shared.dropped.Admit(loop_.NowMs())) {
    LogWarn("topic={} message dropped: {}; {}{}", channel.name, why, advice, LeftOut(*left_out));
  }
}

void Ingest::DeliverGap(Channel& channel, GapReason reason) {
  const uint64_t sequence = channel.ring.next();
  const std::string last_id = PlaceId(channel.epoch, sequence - 1);
  Spread(channel,
         encoder_.MakeGap(
             channel.name, Name(reason), last_id,
             {.epoch = channel.epoch, .sequence = sequence, .received_ns = loop_.NowNs()}),
         reason);
}

void Ingest::Spread(Channel& channel, FrameRef frame, GapReason gap_reason) {
  for (const uint32_t worker : channel.workers) {
    Tell(worker, FrameEvent{channel.id, frame, gap_reason});
  }
  channel.ring.Push(std::move(frame));
  channel.ring.Trim(loop_.NowNs(), channel.ring.next());
}

}  // namespace sluice::pubsub
