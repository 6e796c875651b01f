#include "sluice/pubsub/lane.h"

#include <algorithm>
#include <cassert>
#include <string_view>
#include <utility>

#include "sluice/pubsub/hub.h"
#include "sluice/pubsub/topic.h"
#include "sluice/sse/encoder.h"

namespace sluice::pubsub {
namespace {

// What a pass sends at most to each subscriber: more than a socket buffer takes at once is no use.
constexpr size_t kBatchBytes = 64 * 1024;

constexpr std::string_view kHeartbeatChunk = "3\r\n:\n\n\r\n";  // around sse::kHeartbeat

iovec Part(std::string_view bytes) {
  return iovec{const_cast<char*>(bytes.data()), bytes.size()};
}

// Removes element `index` of a dense array, keeping each element's index_ right.
template <class Vector, class Placed>
void SwapOut(Vector& vector, size_t index, Placed&& placed) {
  if (index + 1 != vector.size()) {
    vector[index] = std::move(vector.back());
    placed(vector[index], index);
  }
  vector.pop_back();
}

}  // namespace

bool Filter::Matches(const Frame& frame) const {
  if (frame.gap()) return true;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!values[i]) continue;
    const std::string* value = frame.field(i);
    if (value == nullptr || *value != *values[i]) return false;
  }
  return true;
}

Lane::Lane(Topic& topic, Hub& hub, Filter filter, Framing framing)
    : topic_(topic), hub_(hub), filter_(std::move(filter)), framing_(framing) {}

size_t Lane::Step(size_t budget) {
  if (!active_) {
    StartPass();
    if (!active_) return 0;
  }
  const size_t end = std::min(entries_.size(), done_ + budget);
  size_t sends = 0;
  size_t whole = 0;
  while (done_ < std::min(end, entries_.size())) {
    const Entry& entry = entries_[done_];
    ++sends;
    ssize_t taken;
    if (entry.fd >= 0) {
      taken = net::SendNow(entry.fd, bytes_.data(), bytes_.size());
    } else {
      const iovec part = Part(bytes_);
      taken = entry.subscriber->stream().TryWrite({&part, 1});
    }
    if (taken == static_cast<ssize_t>(bytes_.size())) {
      ++done_;
      ++whole;
    } else if (taken < 0) {
      entry.subscriber->OnClosed(static_cast<int>(-taken));
    } else {
      FellBehind(*entry.subscriber, static_cast<size_t>(taken));
    }
  }
  hub_.mutable_stats().deliveries.Add(whole * batch_.size());
  hub_.mutable_stats().delivery_bytes.Add(whole * bytes_.size());
  if (done_ >= entries_.size()) EndPass();
  return std::max<size_t>(sends, 1);
}

void Lane::OnFrame(uint64_t sequence) {
  if (queued || entries_.empty()) return;
  position_ = sequence;
  hub_.QueueLane(*this);
}

void Lane::StartPass() {
  const Ring& ring = topic_.ring;
  if (position_ < ring.first()) FellOffRing();
  size_t bytes = 0;
  uint64_t next = position_;
  for (; next < ring.next() && !entries_.empty(); ++next) {
    const FrameRef& frame = ring.At(next);
    if (!filter_.Matches(*frame)) continue;
    const size_t size = Wire(*frame).size();
    if (bytes > 0 && bytes + size > kBatchBytes) break;
    batch_.push_back(frame);
    bytes += size;
  }
  target_ = next;
  if (batch_.empty()) {
    EndPass();
    return;
  }
  // One contiguous buffer, made once for all subscribers, is cheaper than a long iovec for each.
  if (batch_.size() == 1) {
    bytes_ = Wire(*batch_.front());
  } else {
    joined_.clear();
    for (const FrameRef& frame : batch_) joined_.append(Wire(*frame));
    bytes_ = joined_;
  }
  done_ = 0;
  active_ = true;
}

void Lane::EndPass() {
  active_ = false;
  position_ = entries_.empty() ? topic_.ring.next() : target_;
  if (!batch_.empty()) {
    total_events_ += batch_.size();
    total_bytes_ += bytes_.size();
    last_pass_s_ = hub_.now_s();
    const uint64_t now = hub_.loop().NowNs();
    for (const FrameRef& frame : batch_) {
      hub_.mutable_stats().fanout.Observe(now - std::min(now, frame->received_ns()));
    }
    batch_.clear();
    if (joined_.capacity() > kBatchBytes) joined_.shrink_to_fit();
  }
  queued = position_ < topic_.ring.next();
  // They may join now, or go on up to the new position.
  std::vector<Subscriber*> ready = std::exchange(ready_, {});
  for (Subscriber* subscriber : ready) subscriber->waiting_ = false;
  for (Subscriber* subscriber : ready) subscriber->Pump();
}

// The pass could not keep up with the topic for so long that frames nobody got had to go.
void Lane::FellOffRing() {
  for (size_t i = entries_.size(); i > 0; --i) {
    Subscriber& subscriber = *entries_[i - 1].subscriber;
    SetBehind(subscriber);
    subscriber.Pump();
  }
  position_ = topic_.ring.next();
}

uint64_t Lane::PumpLimit() const {
  if (active_) return target_;
  return queued && !entries_.empty() ? position_ : topic_.ring.next();
}

void Lane::TryJoin(Subscriber& subscriber) {
  if (active_ || subscriber.cursor_ != PumpLimit()) {
    if (!std::exchange(subscriber.waiting_, true)) ready_.push_back(&subscriber);
    return;
  }
  if (entries_.empty()) position_ = subscriber.cursor_;
  std::unique_ptr<Subscriber> owned = TakeFromBehind(subscriber);
  subscriber.behind_ = subscriber.replaying_ = false;
  subscriber.index_ = static_cast<uint32_t>(entries_.size());
  subscriber.events_ -= total_events_;
  subscriber.bytes_ -= total_bytes_;
  entries_.push_back(Entry{subscriber.stream().plain_fd(), hub_.now_s(), std::move(owned)});
}

Subscriber& Lane::Add(std::unique_ptr<Subscriber> subscriber) {
  Subscriber& added = *subscriber;
  AddBehind(std::move(subscriber));
  return added;
}

std::unique_ptr<Subscriber> Lane::Remove(Subscriber& subscriber) {
  return subscriber.behind_ ? TakeFromBehind(subscriber) : TakeFromEntries(subscriber);
}

void Lane::SetBehind(Subscriber& subscriber) {
  if (!subscriber.behind_) AddBehind(TakeFromEntries(subscriber));
}

std::unique_ptr<Subscriber> Lane::TakeFromEntries(Subscriber& subscriber) {
  size_t index = subscriber.index_;
  subscriber.events_ += total_events_;
  subscriber.bytes_ += total_bytes_;
  subscriber.cursor_ = queued ? position_ : topic_.ring.next();
  std::unique_ptr<Subscriber> owned = std::move(entries_[index].subscriber);
  const auto placed = [](Entry& entry, size_t at) {
    entry.subscriber->index_ = static_cast<uint32_t>(at);
  };
  if (active_ && index < done_) {
    subscriber.events_ += batch_.size();
    subscriber.bytes_ += bytes_.size();
    subscriber.cursor_ = target_;
    // Those before done_ have the batch, those from there on do not: fill the hole from the first
    // group, and the first group's end from the second.
    --done_;
    if (index != done_) {
      entries_[index] = std::move(entries_[done_]);
      placed(entries_[index], index);
    }
    index = done_;
  }
  SwapOut(entries_, index, placed);
  subscriber.behind_ = true;
  return owned;
}

std::unique_ptr<Subscriber> Lane::TakeFromBehind(Subscriber& subscriber) {
  const size_t index = subscriber.index_;
  std::unique_ptr<Subscriber> owned = std::move(behind_[index]);
  SwapOut(behind_, index, [](std::unique_ptr<Subscriber>& other, size_t at) {
    other->index_ = static_cast<uint32_t>(at);
  });
  if (std::exchange(subscriber.waiting_, false)) std::erase(ready_, &subscriber);
  hub_.mutable_stats().behind.Sub();
  return owned;
}

void Lane::AddBehind(std::unique_ptr<Subscriber> subscriber) {
  subscriber->index_ = static_cast<uint32_t>(behind_.size());
  subscriber->behind_ = true;
  hub_.mutable_stats().behind.Add();
  behind_.push_back(std::move(subscriber));
}

void Lane::FellBehind(Subscriber& subscriber, size_t taken) {
  SetBehind(subscriber);
  HubStats& stats = hub_.mutable_stats();
  subscriber.bytes_ += taken;
  stats.delivery_bytes.Add(taken);
  for (const FrameRef& frame : batch_) {
    const size_t size = Wire(*frame).size();
    subscriber.cursor_ = frame->sequence();
    if (taken == 0) break;
    ++subscriber.cursor_;
    if (taken < size) {
      subscriber.partial_ = frame;
      subscriber.partial_offset_ = static_cast<uint32_t>(taken);
      break;
    }
    taken -= size;
    ++subscriber.events_;
    stats.deliveries.Add();
  }
  subscriber.SetBlocked(true);
}

void Lane::Heartbeat(uint32_t now_s, uint32_t silence_s) {
  if (active_ || queued) return;
  for (size_t i = entries_.size(); i > 0; --i) {
    Entry& entry = entries_[i - 1];
    const uint32_t written = std::max(entry.written_s, last_pass_s_);
    // Up to an eighth early, so that those silenced by the same pass are not all due at once.
    const uint64_t early = entry.subscriber->connection_id() % (silence_s / 8 + 1);
    if (now_s - written >= silence_s - early) SendHeartbeat(entry, now_s);
  }
}

void Lane::SendHeartbeat(Entry& entry, uint32_t now_s) {
  Subscriber& subscriber = *entry.subscriber;
  const std::string_view bytes = framing_ == Framing::kChunked ? kHeartbeatChunk : sse::kHeartbeat;
  const iovec part = Part(bytes);
  entry.written_s = now_s;
  const ssize_t taken = subscriber.stream().TryWrite({&part, 1});
  if (taken < 0) {
    subscriber.OnClosed(static_cast<int>(-taken));
    return;
  }
  subscriber.bytes_ += static_cast<size_t>(taken);
  hub_.mutable_stats().heartbeats.Add();
  // Nothing taken: its buffer is full of events, so it is not silent.
  if (taken == 0 || static_cast<size_t>(taken) == bytes.size()) return;
  SetBehind(subscriber);
  subscriber.private_ = std::make_unique<std::string>(bytes.substr(static_cast<size_t>(taken)));
  subscriber.SetBlocked(true);
}

void Lane::CheckSlow() {
  for (size_t i = behind_.size(); i > 0; --i) {
    if (i > behind_.size()) continue;
    Subscriber& subscriber = *behind_[i - 1];
    if (subscriber.finishing()) continue;
    const bool lost = subscriber.cursor_ < topic_.ring.first();
    // A backlog that it came for is no sign of slowness, however long it takes to send.
    if (lost ||
        (!subscriber.replaying_ && LagBytes(subscriber) > topic_.config().slow_buffer_bytes)) {
      (void)ApplySlowPolicy(subscriber);
    }
  }
}

bool Lane::ApplySlowPolicy(Subscriber& subscriber) {
  const Ring& ring = topic_.ring;
  const config::Topic& config = topic_.config();
  if (config.slow_policy == config::SlowPolicy::kDisconnect) {
    hub_.Close(subscriber, CloseReason::kSlowClient);
    return false;
  }
  // What is kept of what it has not got: the newest event that it wants, or (skip) half a buffer of
  // them, so that it is not over the limit again with the next one.
  const uint64_t keep_bytes =
      config.slow_policy == config::SlowPolicy::kLatest ? 0 : config.slow_buffer_bytes / 2;
  const uint64_t last = subscriber.cursor_ - 1;  // a frame that was begun is finished first
  const uint64_t oldest = std::max(subscriber.cursor_, ring.first());
  uint64_t cursor = ring.next();
  uint64_t kept_bytes = 0;
  for (; cursor > oldest; --cursor) {
    const Frame& frame = *ring.At(cursor - 1);
    if (!filter_.Matches(frame)) continue;
    const uint64_t size = Wire(frame).size();
    if (kept_bytes > 0 && kept_bytes + size > keep_bytes) break;
    kept_bytes += size;
  }
  if (cursor == subscriber.cursor_) return true;  // one event that is larger than the buffer
  subscriber.SkipTo(cursor);
  if (!subscriber.owes_gap()) subscriber.TellGap(GapReason::kSlow, topic_.IdOf(last));
  return true;
}

uint64_t Lane::LagBytes(const Subscriber& subscriber) const {
  const Ring& ring = topic_.ring;
  uint64_t next = std::max(subscriber.cursor_, ring.first());
  if (filter_.values.empty()) return ring.BytesFrom(next);
  uint64_t bytes = 0;
  for (; next < ring.next(); ++next) {
    const Frame& frame = *ring.At(next);
    if (filter_.Matches(frame)) bytes += Wire(frame).size();
  }
  return bytes;
}

Subscriber* Lane::any() const {
  if (!entries_.empty()) return entries_.back().subscriber.get();
  for (const auto& subscriber : behind_) {
    if (!subscriber->finishing()) return subscriber.get();
  }
  return nullptr;
}

uint64_t Lane::needed() const {
  return queued && !entries_.empty() ? position_ : topic_.ring.next();
}

}  // namespace sluice::pubsub
