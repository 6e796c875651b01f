// How a hub's streams end when it is not their client who ends them: drain, source, reload, stop.
#include <string>
#include <utility>
#include <vector>

#include "sluice/pubsub/hub.h"
#include "sluice/sse/encoder.h"

namespace sluice::pubsub {
namespace {

constexpr uint64_t kStepMs = 20;
// How long a stream that a reload ends may take to take its last bytes.
constexpr uint64_t kEndPatienceMs = 30'000;

}  // namespace

// --- draining ---

void Hub::Drain(uint64_t spread_ms, std::function<void()> drained) {
  drained_ = std::move(drained);
  drain_started_ms_ = loop_.NowMs();
  drain_spread_ms_ = spread_ms;
  drain_total_ = subscribers_;
  drain_begun_ = 0;
  drain_timer_->Start(0, kStepMs);
}

void Hub::DrainSome() {
  const uint64_t passed = loop_.NowMs() - drain_started_ms_;
  const bool all = passed >= drain_spread_ms_;
  const size_t due = all ? drain_total_ : drain_total_ * passed / drain_spread_ms_;
  for (auto& [channel, topic] : topics_) {
    for (const auto& lane : topic->lanes()) {
      while (all || drain_begun_ < due) {
        Subscriber* subscriber = lane->any();
        if (subscriber == nullptr) break;
        ++drain_begun_;
        Finish(*topic, *lane, *subscriber, CloseReason::kDrained);
      }
    }
  }
  if (subscribers_ > 0) return;
  drain_timer_->Stop();
  if (drained_) std::exchange(drained_, nullptr)();
}

// Tells it when to come back, and ends it.
void Hub::Finish(Topic& topic, Lane& lane, Subscriber& subscriber, CloseReason reason) {
  lane.SetBehind(subscriber);
  std::string retry;
  sse::AppendRetry(retry, RetryHint(topic.config()));
  subscriber.AppendPrivate(retry);
  subscriber.FinishAfterPrivate(reason);
  if (!subscriber.blocked()) subscriber.Pump();
}

// --- a source that has ended ---

// Those that have got everything, some of them at each tick. The others have something to read
// first; so nothing is lost to those who are slow.
void Hub::EndStreams(Topic& topic) {
  size_t budget = slice_sends_;
  for (const auto& lane : topic.lanes()) {
    while (!lane->queued && budget > 0 && lane->caught_up() != nullptr) {
      --budget;
      Finish(topic, *lane, *lane->caught_up(), CloseReason::kSourceEnded);
    }
  }
}

// --- reloads ---

Error Hub::Changed() {
  return {Errc::kClosed, "a reload has changed this topic"};
}

void Hub::SetCatalog(CatalogPtr catalog) {
  OnInbox();  // of what is in it, some may be of a channel that is replaced now
  catalog_ = std::move(catalog);
  std::vector<std::pair<std::string, TopicEntryPtr>> ending;
  for (auto& [channel, topic] : topics_) {
    TopicEntryPtr now = catalog_->Find(channel);
    switch (ChangeOf(topic->entry(), now)) {
      case TopicChange::kNone:
        break;
      case TopicChange::kSettings:
        topic->SetEntry(std::move(now));
        break;
      case TopicChange::kAccess:
        ending.emplace_back(channel, std::move(now));
        break;
      case TopicChange::kIdentity:
        ending.emplace_back(channel, nullptr);
        break;
    }
  }
  for (auto& [channel, successor] : ending) Retire(channel, std::move(successor));
  if (!retired_.empty()) retire_timer_->Start(0, kStepMs);
}

void Hub::Retire(const std::string& channel, TopicEntryPtr successor) {
  const auto found = topics_.find(channel);
  std::unique_ptr<Topic> topic = std::move(found->second);
  Forget(*topic);
  if (successor != nullptr) {
    found->second = std::make_unique<Topic>(*this, worker_, std::move(successor), channel);
    found->second->ContinueFrom(*topic);
    by_channel_id_[topic->channel_id] = found->second.get();
  } else {
    topics_.erase(found);
    topic->stats().topics.Sub();
    ingest_.Push(UnsubscribeCommand{worker_, channel});
  }
  // Those who wait were let in by what the topic was.
  RefuseWaiters(channel, Changed());
  topic->retired_ms = loop_.NowMs();
  if (topic->subscribers() > 0) retired_.push_back(std::move(topic));
}

void Hub::EndRetired() {
  size_t budget = slice_sends_;
  for (const auto& topic : retired_) {
    const bool patient = loop_.NowMs() - topic->retired_ms < kEndPatienceMs;
    for (const auto& lane : topic->lanes()) {
      while (budget > 0 && lane->size() > 0) {
        Subscriber* subscriber = lane->any();
        if (subscriber == nullptr && patient) break;
        --budget;
        if (subscriber != nullptr) {
          Finish(*topic, *lane, *subscriber, CloseReason::kReloaded);
        } else {
          Close(lane->first(), CloseReason::kReloaded);  // it does not take its end
        }
      }
    }
  }
  std::erase_if(retired_, [this](const std::unique_ptr<Topic>& topic) {
    if (topic->subscribers() > 0) return false;
    Forget(*topic);
    return true;
  });
  if (retired_.empty()) retire_timer_->Stop();
}

void Hub::CloseAll(CloseReason reason) {
  const auto close = [&](Topic& topic) {
    for (const auto& lane : topic.lanes()) {
      while (lane->size() > 0) Close(lane->first(), reason);
    }
  };
  for (auto& [channel, topic] : topics_) close(*topic);
  for (const auto& topic : retired_) close(*topic);
}

}  // namespace sluice::pubsub
