#include "sluice/pubsub/subscriber.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "sluice/pubsub/frame_encoder.h"
#include "sluice/pubsub/hub.h"
#include "sluice/pubsub/lane.h"
#include "sluice/pubsub/topic.h"

namespace sluice::pubsub {
namespace {

// One write of a subscriber that catches up. The rest goes out in later turns, after others.
constexpr size_t kMaxParts = 64;
constexpr size_t kMaxBytes = 256 * 1024;

iovec Part(std::string_view bytes) {
  return iovec{const_cast<char*>(bytes.data()), bytes.size()};
}

}  // namespace

Subscriber::Subscriber(std::unique_ptr<net::Stream> stream, uint64_t connection_id,
                       uint64_t opened_ms)
    : stream_(std::move(stream)),
      connection_id_(connection_id),
      opened_ds_(static_cast<uint32_t>(opened_ms / 100)) {}

void Subscriber::Start(Lane& lane, std::string first_bytes, uint64_t cursor) {
  lane_ = &lane;
  cursor_ = cursor;
  replaying_ = cursor < lane.topic().ring.next();
  private_ = std::make_unique<std::string>(std::move(first_bytes));
  stream_->SetHandler(this);
}

void Subscriber::Pump() {
  assert(behind_);
  std::array<iovec, kMaxParts> parts{};
  size_t count = 0;
  size_t bytes = 0;
  const auto add = [&](std::string_view piece) {
    parts[count++] = Part(piece);
    bytes += piece.size();
  };
  const Ring& ring = lane_->topic().ring;
  // What the ring has dropped cannot be sent.
  if (!finishing_ && cursor_ < ring.first() && !lane_->ApplySlowPolicy(*this)) return;
  if (partial_) add(lane_->Wire(*partial_).substr(partial_offset_));
  if (private_) add(std::string_view(*private_).substr(private_offset_));
  if (!finishing_) {
    const uint64_t limit = lane_->PumpLimit();
    for (uint64_t next = cursor_; next < limit && count < kMaxParts && bytes < kMaxBytes; ++next) {
      const Frame& frame = *ring.At(next);
      if (lane_->filter().Matches(frame)) add(lane_->Wire(frame));
    }
  }
  if (count > 0) {
    const ssize_t taken = stream_->TryWrite(std::span<const iovec>(parts.data(), count));
    if (taken < 0) {
      OnClosed(static_cast<int>(-taken));
      return;
    }
    Consume(static_cast<size_t>(taken));
    if (static_cast<size_t>(taken) < bytes) {
      SetBlocked(true);
      return;
    }
  } else {
    cursor_ = std::max(cursor_, lane_->PumpLimit());  // frames that do not match are passed over
  }
  if (finishing_) {
    lane_->hub_.Close(*this, finish_reason_);
    return;
  }
  if (cursor_ < lane_->PumpLimit()) {
    SetBlocked(true);  // more than one write's worth: go on in the next turn
    return;
  }
  SetBlocked(false);
  lane_->TryJoin(*this);
}

void Subscriber::Consume(size_t taken) {
  bytes_ += taken;
  HubStats& stats = lane_->hub_.mutable_stats();
  stats.delivery_bytes.Add(taken);
  if (partial_) {
    const size_t left = lane_->Wire(*partial_).size() - partial_offset_;
    if (taken < left) {
      partial_offset_ += static_cast<uint32_t>(taken);
      return;
    }
    taken -= left;
    partial_ = FrameRef();
    partial_offset_ = 0;
    ++events_;
    stats.deliveries.Add();
  }
  if (private_) {
    const size_t left = private_->size() - private_offset_;
    if (taken < left) {
      private_offset_ += static_cast<uint32_t>(taken);
      return;
    }
    taken -= left;
    private_.reset();
    private_offset_ = 0;
    owes_gap_ = false;
  }
  const Ring& ring = lane_->topic().ring;
  const uint64_t limit = lane_->PumpLimit();
  while (!finishing_ && cursor_ < limit) {
    const FrameRef& frame = ring.At(cursor_);
    if (lane_->filter().Matches(*frame)) {
      if (taken == 0) return;
      const size_t size = lane_->Wire(*frame).size();
      ++cursor_;
      if (taken < size) {
        partial_ = frame;
        partial_offset_ = static_cast<uint32_t>(taken);
        return;
      }
      taken -= size;
      ++events_;
      stats.deliveries.Add();
    } else {
      ++cursor_;
    }
  }
}

void Subscriber::SetBlocked(bool blocked) {
  if (blocked_ == blocked) return;
  blocked_ = blocked;
  stream_->WantWritable(blocked);
}

void Subscriber::TellGap(GapReason reason, std::string_view last_id) {
  Topic& topic = lane_->topic();
  AppendPrivate(GapBody(topic.channel(), Name(reason), last_id, topic.IdOf(cursor_ - 1)));
  owes_gap_ = true;
  topic.stats().gaps[static_cast<size_t>(reason)].Add();
}

void Subscriber::AppendPrivate(std::string_view bytes) {
  if (!private_) private_ = std::make_unique<std::string>();
  if (lane_->framing() == Framing::kChunked) {
    fmt::format_to(std::back_inserter(*private_), "{:x}\r\n{}\r\n", bytes.size(), bytes);
  } else {
    private_->append(bytes);
  }
}

void Subscriber::FinishAfterPrivate(CloseReason reason) {
  finishing_ = true;
  finish_reason_ = reason;
  if (lane_->framing() == Framing::kChunked) {
    if (!private_) private_ = std::make_unique<std::string>();
    private_->append("0\r\n\r\n");
  }
}

void Subscriber::Expire() {
  if (finishing_) return;
  lane_->SetBehind(*this);
  const Topic& topic = lane_->topic();
  AppendPrivate(ExpiredBody(topic.channel(), topic.IdOf(cursor_ - 1)));
  FinishAfterPrivate(CloseReason::kExpired);
  if (!blocked_) Pump();
}

void Deadline::OnTimeout(event::TimerWheel::Node&) {
  if (on_expired_) on_expired_();
  subscriber_.Expire();
}

void Subscriber::OnEnd() {
  lane_->hub_.Close(*this, CloseReason::kClientClosed);
}

void Subscriber::OnWritable() {
  if (blocked_) Pump();
}

void Subscriber::OnClosed(int error) {
  lane_->hub_.Close(*this,
                    error == ETIMEDOUT ? CloseReason::kClientTimeout : CloseReason::kClientReset);
}

}  // namespace sluice::pubsub
