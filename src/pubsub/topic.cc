#include "sluice/pubsub/topic.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "sluice/pubsub/frame_encoder.h"

namespace sluice::pubsub {
namespace {

// The sequence in "<epoch>.<sequence>", if the id is one of this epoch.
std::optional<uint64_t> SequenceOf(std::string_view id, std::string_view epoch) {
  if (id.size() <= epoch.size() + 1 || id.substr(0, epoch.size()) != epoch ||
      id[epoch.size()] != '.') {
    return std::nullopt;
  }
  const std::string_view digits = id.substr(epoch.size() + 1);
  uint64_t sequence = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), sequence);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
  return sequence;
}

}  // namespace

void Topic::SetEntry(TopicEntryPtr entry) {
  ring.SetLimits(entry->config.history);
  entry_ = std::move(entry);
}

void Topic::ContinueFrom(const Topic& before) {
  ring = before.ring;
  ring.SetLimits(config().history);
  epoch = before.epoch;
  channel_id = before.channel_id;
  live = before.live;
  ended = before.ended;
  empty_since_ms = before.empty_since_ms;
  total_subscribers = before.total_subscribers;
}

Topic::ResumePoint Topic::Resume(std::string_view last_event_id, const Filter& filter) const {
  if (last_event_id.empty()) {
    uint64_t cursor = ring.next();
    uint32_t wanted = config().replay_initial;
    while (wanted > 0 && cursor > ring.first()) {
      const Frame& frame = *ring.At(cursor - 1);
      if (frame.gap()) break;  // a newcomer missed nothing: what is before a gap is of no use to it
      --cursor;
      if (filter.Matches(frame)) --wanted;
    }
    return {.cursor = cursor};
  }
  std::optional<uint64_t> last = SequenceOf(last_event_id, epoch);
  if (last && *last >= ring.next()) last.reset();  // not given out yet: not an id of ours
  if (!last) last = ring.FindId(last_event_id);
  // Of an unknown id we cannot say how much of the history the client has: it gets all of it, and
  // is told.
  if (!last) return {.cursor = ring.first(), .gap = true, .reason = GapReason::kUnknownId};
  if (*last + 1 < ring.first()) {
    return {.cursor = ring.first(), .gap = true, .reason = GapReason::kEvicted};
  }
  return {.cursor = *last + 1};
}

Lane& Topic::LaneFor(const Filter& filter, Framing framing) {
  for (const auto& lane : lanes_) {
    if (lane->framing() == framing && lane->filter() == filter) return *lane;
  }
  lanes_.push_back(std::make_unique<Lane>(*this, hub_, filter, framing));
  return *lanes_.back();
}

void Topic::DropEmptyLanes() {
  std::erase_if(lanes_, [](const auto& lane) { return lane->size() == 0 && !lane->queued; });
}

size_t Topic::subscribers() const {
  size_t count = 0;
  for (const auto& lane : lanes_) count += lane->size();
  return count;
}

std::string Topic::IdOf(uint64_t sequence) const {
  return PlaceId(epoch, sequence);
}

}  // namespace sluice::pubsub
