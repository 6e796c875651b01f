// The subscribers of one topic that get the same bytes: same filter, same framing. All that are
// caught up share one position; a pass sends the frames since then to each of them with one
// write, from one buffer. Worker thread only.
//
// A pass is done in slices (Step), so that new requests are served in between. During a pass
// nobody joins; who catches up meanwhile waits in `ready_` and joins at its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/pubsub/frame.h"
#include "sluice/pubsub/subscriber.h"

namespace sluice::pubsub {

class Topic;
class Hub;

// HTTP/1.1 takes chunks; HTTP/1.0 takes the payload and the connection's end.
enum class Framing : uint8_t { kChunked, kPlain };

// Values that the topic's filter fields must have; a field without a value does not matter.
struct Filter {
  std::vector<std::optional<std::string>> values;

  [[nodiscard]] bool Matches(const Frame& frame) const;
  [[nodiscard]] bool operator==(const Filter&) const = default;
};

class Lane {
 public:
  Lane(Topic& topic, Hub& hub, Filter filter, Framing framing);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Does up to `budget` sends of the pass, starting one if there is something to send. Returns the
  // number of sends; 0 means that nothing is left to do.
  [[nodiscard]] size_t Step(size_t budget);

  // Sends a comment to those that got nothing for `silence_s`. `now_s` is the hub's clock.
  void Heartbeat(uint32_t now_s, uint32_t silence_s);

  // Applies the topic's policy to those that are too far behind; to one that replays, if what it
  // needs has left the history.
  void CheckSlow();

  // A new subscriber starts behind.
  Subscriber& Add(std::unique_ptr<Subscriber> subscriber);

  // Takes `subscriber` out, with its totals and its cursor made up.
  [[nodiscard]] std::unique_ptr<Subscriber> Remove(Subscriber& subscriber);

  // Told of each new frame that matches.
  void OnFrame(uint64_t sequence);

  // Makes a caught-up subscriber one that is behind, so that private bytes can be given to it.
  void SetBehind(Subscriber& subscriber);

  [[nodiscard]] Topic& topic() const { return topic_; }
  [[nodiscard]] const Filter& filter() const { return filter_; }
  [[nodiscard]] Framing framing() const { return framing_; }
  [[nodiscard]] size_t size() const { return entries_.size() + behind_.size(); }
  // REQUIRES: size() > 0.
  [[nodiscard]] Subscriber& first() const {
    return entries_.empty() ? *behind_.back() : *entries_.back().subscriber;
  }
  // One that is not finishing yet, or null.
  [[nodiscard]] Subscriber* any() const;
  // One that is caught up, or null.
  [[nodiscard]] Subscriber* caught_up() const {
    return entries_.empty() ? nullptr : entries_.back().subscriber.get();
  }
  [[nodiscard]] std::string_view Wire(const Frame& frame) const {
    return framing_ == Framing::kChunked ? frame.chunk() : frame.payload();
  }
  // The oldest frame that caught-up subscribers still need.
  [[nodiscard]] uint64_t needed() const;

  bool queued = false;  // in the hub's list: there are frames from position_ on to send

 private:
  friend class Subscriber;

  struct Entry {
    int fd;              // -1: only through the stream
    uint32_t written_s;  // when it was last written to for itself; passes count for all
    std::unique_ptr<Subscriber> subscriber;
  };

  // For Subscriber::Pump: how far it may go, and what to do when it got there.
  [[nodiscard]] uint64_t PumpLimit() const;
  void TryJoin(Subscriber& subscriber);
  // Applies the topic's policy. False: it was closed.
  [[nodiscard]] bool ApplySlowPolicy(Subscriber& subscriber);

  void StartPass();
  void EndPass();
  void FellOffRing();
  [[nodiscard]] std::unique_ptr<Subscriber> TakeFromEntries(Subscriber& subscriber);
  [[nodiscard]] std::unique_ptr<Subscriber> TakeFromBehind(Subscriber& subscriber);
  void AddBehind(std::unique_ptr<Subscriber> subscriber);
  // After a short write in a pass: from here on it goes on by itself.
  void FellBehind(Subscriber& subscriber, size_t taken);
  void SendHeartbeat(Entry& entry, uint32_t now_s);
  [[nodiscard]] uint64_t LagBytes(const Subscriber& subscriber) const;

  Topic& topic_;
  Hub& hub_;
  Filter filter_;
  Framing framing_;

  std::vector<Entry> entries_;                       // caught up
  std::vector<std::unique_ptr<Subscriber>> behind_;  // the others
  std::vector<Subscriber*> ready_;  // of those behind: not blocked, waiting for the pass to end
  uint64_t position_ = 0;           // while queued: next frame that those caught up need
  uint32_t last_pass_s_ = 0;

  bool active_ = false;  // a pass is under way
  size_t done_ = 0;      // entries before this one have got the batch
  uint64_t target_ = 0;  // position_ after the pass
  std::vector<FrameRef> batch_;
  std::string joined_;         // the batch's bytes, when it is more than one frame
  std::string_view bytes_;     // what the pass sends
  uint64_t total_events_ = 0;  // sent to each of those caught up, by finished passes
  uint64_t total_bytes_ = 0;
};

}  // namespace sluice::pubsub
