#include "sluice/pubsub/hub.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include <fmt/format.h>

#include "sluice/base/json_string.h"
#include "sluice/base/log.h"
#include "sluice/base/random.h"
#include "sluice/sse/encoder.h"

namespace sluice::pubsub {
namespace {

constexpr uint64_t kTickMs = 1'000;

// In quotes, since it is the text of whoever signed the token.
std::string SubjectForLog(const std::string& subject) {
  std::string out;
  if (subject.empty()) return out;
  out = " subject=";
  AppendJsonString(out, subject);
  return out;
}

Error SourceEnded() {
  return {Errc::kEnded, "the source says that nothing more will come"};
}

}  // namespace

uint32_t RetryHint(const config::Topic& config) {
  return config.retry_base_ms +
         static_cast<uint32_t>(RandomBelow(uint64_t{config.retry_jitter_ms} + 1));
}

Waiter::~Waiter() {
  if (hub_ != nullptr) hub_->Forget(*this);
}

Hub::Hub(event::Loop& loop, CatalogPtr catalog, uint32_t worker, IngestInbox& ingest,
         ProcessCounts& counts, size_t slice_sends)
    : loop_(loop),
      catalog_(std::move(catalog)),
      worker_(worker),
      ingest_(ingest),
      counts_(counts),
      slice_sends_(slice_sends),
      now_s_(static_cast<uint32_t>(loop.NowMs() / 1000)),
      expiries_(loop),
      next_slice_(loop.MakeIdle([this] { Flush(); })),
      tick_(loop.MakeTimer([this] { Tick(); })),
      drain_timer_(loop.MakeTimer([this] { DrainSome(); })),
      retire_timer_(loop.MakeTimer([this] { EndRetired(); })),
      waker_(loop.MakeWaker([this] { OnInbox(); })),
      inbox_([this] { waker_->Wake(); }) {
  tick_->Start(kTickMs, kTickMs);
}

Hub::~Hub() {
  CloseAll(CloseReason::kStopped);
  for (auto& [channel, waiters] : waiters_) {
    for (Waiter* waiter : waiters) waiter->hub_ = nullptr;
  }
}

// --- subscribing ---

void Hub::Await(const TopicEntryPtr& entry, const std::string& channel, Waiter& waiter) {
  const auto found = topics_.find(channel);
  const TopicEntryPtr now =
      found != topics_.end() ? found->second->entry() : catalog_->Find(channel);
  if (ChangeOf(entry, now) > TopicChange::kSettings) {
    waiter.OnRefused(Changed());
    return;
  }
  std::unique_ptr<Topic>& topic = topics_[channel];
  if (topic == nullptr) {
    topic = std::make_unique<Topic>(*this, worker_, now, channel);
    topic->empty_since_ms = loop_.NowMs();
    topic->stats().topics.Add();
    ingest_.Push(SubscribeCommand{worker_, now, channel});
  }
  if (topic->live) {
    waiter.OnLive(*topic);
    return;
  }
  if (topic->ended) {
    waiter.OnRefused(SourceEnded());
    return;
  }
  waiter.hub_ = this;
  waiter.channel_ = channel;
  waiters_[channel].push_back(&waiter);
}

void Hub::Forget(Waiter& waiter) {
  const auto found = waiters_.find(waiter.channel_);
  if (found == waiters_.end()) return;
  std::erase(found->second, &waiter);
  if (found->second.empty()) waiters_.erase(found);
}

Result<> Hub::CheckRoom(const Topic& topic) const {
  if (topic.total_subscribers->load(std::memory_order_relaxed) >= topic.config().max_subscribers) {
    return Fail(Errc::kLimit, fmt::format("the topic has its {} subscribers already",
                                          topic.config().max_subscribers));
  }
  if (counts_.subscribers.load(std::memory_order_relaxed) >= catalog_->limits().subscribers) {
    return Fail(Errc::kLimit, fmt::format("the gateway has its {} subscribers already",
                                          catalog_->limits().subscribers));
  }
  return {};
}

void Hub::Attach(Topic& topic, Subscription subscription) {
  const Topic::ResumePoint from = topic.Resume(subscription.last_event_id, subscription.filter);
  Lane& lane = topic.LaneFor(subscription.filter, subscription.framing);
  Subscriber& subscriber = lane.Add(std::make_unique<Subscriber>(
      std::move(subscription.stream), subscription.connection_id, loop_.NowMs()));
  subscriber.Hold(std::move(subscription.place));
  ++subscribers_;
  topic.stats().subscribers.Add();
  topic.total_subscribers->fetch_add(1, std::memory_order_relaxed);
  counts_.subscribers.fetch_add(1, std::memory_order_relaxed);

  subscriber.Start(lane, std::move(subscription.first_bytes), from.cursor);
  if (from.gap) subscriber.TellGap(from.reason, subscription.last_event_id);
  uint64_t replayed = 0;
  for (uint64_t at = from.cursor; at < topic.ring.next(); ++at) {
    if (lane.filter().Matches(*topic.ring.At(at))) ++replayed;
  }
  stats_.replayed.Add(replayed);
  LogInfo("stream opened id={} topic={} client={} from={} replayed={}{}",
          subscription.connection_id, topic.channel(), subscriber.stream().peer().ToString(),
          subscription.last_event_id.empty()
              ? "now"
              : std::string_view(subscription.last_event_id).substr(0, sse::kMaxIdBytes),
          replayed, SubjectForLog(subscription.subject));
  if (subscription.expires_in_ms) {
    auto deadline = std::make_unique<Deadline>(subscriber, std::move(subscription.on_expired));
    deadline->Arm(expiries_, *subscription.expires_in_ms);
    subscriber.SetDeadline(std::move(deadline));
  }
  subscriber.Pump();
}

void Hub::Close(Subscriber& subscriber, CloseReason reason) {
  Lane& lane = subscriber.lane();
  Topic& topic = lane.topic();
  std::unique_ptr<Subscriber> owned = lane.Remove(subscriber);
  --subscribers_;
  topic.stats().subscribers.Sub();
  stats_.disconnects[static_cast<size_t>(reason)].Add();
  topic.total_subscribers->fetch_sub(1, std::memory_order_relaxed);
  counts_.subscribers.fetch_sub(1, std::memory_order_relaxed);
  if (topic.subscribers() == 0) topic.empty_since_ms = loop_.NowMs();

  const uint64_t open_ms = loop_.NowMs() - subscriber.opened_ms();
  LogInfo(
      "stream closed id={} topic={} client={} duration={}.{}s events={} bytes={} last_id={} "
      "reason={}",
      subscriber.connection_id(), topic.channel(), subscriber.stream().peer().ToString(),
      open_ms / 1000, open_ms % 1000 / 100, subscriber.events(), subscriber.bytes(),
      subscriber.events() > 0 ? topic.IdOf(subscriber.last_sequence()) : "-", Name(reason));
  subscriber.CloseStream();
  loop_.DeferDelete(std::move(owned));
}

// --- from the ingest thread ---

void Hub::OnInbox() {
  inbox_.Drain(
      [this](HubEvent& event) { std::visit([this](auto& what) { Handle(what); }, event); });
  Flush();
}

void Hub::Handle(LiveEvent& event) {
  const auto found = topics_.find(event.channel);
  if (found == topics_.end()) return;  // gone meanwhile; its UnsubscribeCommand is on the way
  Topic& topic = *found->second;
  if (topic.epoch != event.epoch) {
    topic.epoch = event.epoch;
    by_channel_id_.erase(topic.channel_id);
    topic.channel_id = event.channel_id;
    by_channel_id_[event.channel_id] = &topic;
    topic.total_subscribers = std::move(event.subscribers);
    topic.ring.Reset(event.next - event.backlog.size());
    for (FrameRef& frame : event.backlog) topic.ring.Push(std::move(frame));
  }
  topic.live = true;
  WakeWaiters(topic);
}

void Hub::WakeWaiters(Topic& topic) {
  const auto found = waiters_.find(topic.channel());
  if (found == waiters_.end()) return;
  const std::vector<Waiter*> waiters = std::move(found->second);
  waiters_.erase(found);
  for (Waiter* waiter : waiters) waiter->hub_ = nullptr;
  // A waiter's answer concerns its own connection only, so none of the others can go meanwhile.
  for (Waiter* waiter : waiters) waiter->OnLive(topic);
}

void Hub::RefuseWaiters(const std::string& channel, const Error& error) {
  const auto found = waiters_.find(channel);
  if (found == waiters_.end()) return;
  const std::vector<Waiter*> waiters = std::move(found->second);
  waiters_.erase(found);
  for (Waiter* waiter : waiters) waiter->hub_ = nullptr;
  for (Waiter* waiter : waiters) waiter->OnRefused(error);
}

void Hub::Handle(RefusedEvent& event) {
  RefuseWaiters(event.channel, event.error);
  const auto topic = topics_.find(event.channel);
  if (topic != topics_.end() && topic->second->subscribers() == 0) RemoveTopic(event.channel);
}

void Hub::Handle(FrameEvent& event) {
  const auto found = by_channel_id_.find(event.channel_id);
  if (found == by_channel_id_.end()) return;
  Topic& topic = *found->second;
  if (event.frame->gap()) {
    const auto reason = static_cast<size_t>(event.gap_reason);
    topic.stats().gaps[reason].Add(topic.subscribers());
  }
  Append(topic, event.frame);
}

void Hub::Handle(SourceDownEvent& event) {
  for (auto& [channel, topic] : topics_) {
    const bool down = event.channel.empty() ? topic->config().source == config::Source::kPubSub
                                            : channel == event.channel;
    if (down) topic->live = false;
  }
}

// The streams end at the next ticks: see EndStreams.
void Hub::Handle(EndedEvent& event) {
  const auto found = topics_.find(event.channel);
  if (found == topics_.end()) return;
  found->second->live = false;
  found->second->ended = true;
  RefuseWaiters(event.channel, SourceEnded());
}

void Hub::Handle(PublishedEvent& event) {
  const auto found = publishes_.find(event.ticket);
  if (found == publishes_.end()) return;
  const PublishCallback done = std::move(found->second);
  publishes_.erase(found);
  done(std::move(event.id));
}

uint64_t Hub::Publish(TopicEntryPtr entry, std::string channel, std::string event, std::string id,
                      std::string data, PublishCallback done) {
  const uint64_t ticket = next_ticket_++;
  publishes_.emplace(ticket, std::move(done));
  ingest_.Push(PublishCommand{worker_, ticket, std::move(entry), std::move(channel),
                              std::move(event), std::move(id), std::move(data)});
  return ticket;
}

// --- delivering ---

void Hub::Append(Topic& topic, const FrameRef& frame) {
  const uint64_t sequence = frame->sequence();
  topic.ring.Push(frame);
  uint64_t needed = topic.ring.next();
  for (const auto& lane : topic.lanes()) {
    if (lane->filter().Matches(*frame)) lane->OnFrame(sequence);
    needed = std::min(needed, lane->needed());
  }
  topic.ring.Trim(loop_.NowNs(), needed);
}

void Hub::QueueLane(Lane& lane) {
  lane.queued = true;
  work_.push_back(&lane);
}

void Hub::Flush() {
  size_t budget = slice_sends_;
  while (!work_.empty() && budget > 0) {
    Lane* lane = work_.front();
    work_.pop_front();
    budget -= std::min(budget, lane->Step(budget));
    if (lane->queued) work_.push_back(lane);
  }
  const bool more = !work_.empty();
  if (more == slicing_) return;
  slicing_ = more;
  if (more) {
    next_slice_->Start();
  } else {
    next_slice_->Stop();
  }
}

void Hub::Tick() {
  now_s_ = static_cast<uint32_t>(loop_.NowMs() / 1000);
  std::vector<std::string> unused;
  for (auto& [channel, topic] : topics_) {
    TickTopic(*topic);
    const bool waited_for = waiters_.find(channel) != waiters_.end();
    if (topic->lanes().empty() && !waited_for &&
        loop_.NowMs() - topic->empty_since_ms >= topic->config().linger_ms) {
      unused.push_back(channel);
    }
  }
  for (const std::string& channel : unused) {
    ingest_.Push(UnsubscribeCommand{worker_, channel});
    RemoveTopic(channel);
  }
}

void Hub::TickTopic(Topic& topic) {
  const uint32_t silence_s = std::max(1U, topic.config().heartbeat_ms / 1000);
  uint64_t needed = topic.ring.next();
  for (const auto& lane : topic.lanes()) {
    lane->Heartbeat(now_s_, silence_s);
    lane->CheckSlow();
    needed = std::min(needed, lane->needed());
  }
  if (topic.ended) EndStreams(topic);
  topic.DropEmptyLanes();
  topic.ring.Trim(loop_.NowNs(), needed);
}

void Hub::RemoveTopic(const std::string& channel) {
  const auto found = topics_.find(channel);
  assert(found != topics_.end() && found->second->subscribers() == 0);
  found->second->stats().topics.Sub();
  Forget(*found->second);
  topics_.erase(found);
}

// What refers to the topic beside topics_.
void Hub::Forget(const Topic& topic) {
  const auto by_id = by_channel_id_.find(topic.channel_id);
  if (by_id != by_channel_id_.end() && by_id->second == &topic) by_channel_id_.erase(by_id);
  std::erase_if(work_, [&topic](const Lane* lane) { return &lane->topic() == &topic; });
}

}  // namespace sluice::pubsub
