// The channels that are wanted, and what one connection was told and has answered about each.
// Decides which command to send next and what an answer means; sends nothing itself. Loop-thread
// only.
//
// Redis answers each SUBSCRIBE and UNSUBSCRIBE of one channel with one reply, in order. So answers
// are matched with what was sent, and an answer counts only if nothing was wanted since: after
// Want, Unwant, Want the first acknowledgement is not the one that is waited for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sluice::redis {

class Subscriptions {
 public:
  struct Channel {
    std::string_view name;      // the map's key
    uint64_t want = 0;          // number of the last Want; 0: not wanted
    uint64_t sent = 0;          // the Want that the last command stood for; 0: UNSUBSCRIBE, or none
    bool acknowledged = false;  // the last Want's SUBSCRIBE is
    bool queued = false;
    uint32_t in_flight = 0;  // commands without an answer
  };

  struct Command {
    Channel* channel = nullptr;  // null: nothing to send
    bool subscribe = false;
  };

  enum class Meaning : uint8_t {
    kSubscribed,  // `channel` is subscribed as wanted
    kRefused,     // `channel` is wanted and was refused
    kStale,       // nothing to tell
    kUnexpected,  // no such command was sent: this is not Redis as we know it
  };
  struct Answer {
    Meaning meaning = Meaning::kUnexpected;
    Channel* channel = nullptr;  // valid until the next call
  };

  // False if it is wanted already (not wanted already), and nothing is to be done.
  bool Want(std::string_view name);
  bool Unwant(std::string_view name);

  // A new connection: everything that is wanted is to be sent again, `last` after all others.
  void Begin(std::string_view last);
  // The connection is gone: no answer comes any more, nothing is acknowledged.
  void Lost();

  // The next command to send, and notes that it was sent.
  [[nodiscard]] Command Next();
  [[nodiscard]] bool has_next() const { return !queue_.empty(); }

  [[nodiscard]] Answer Acknowledge(bool subscribe, std::string_view name);
  // An error reply to the oldest command without an answer.
  [[nodiscard]] Answer Refuse();

  // The channel if messages on it are to be handed over, else null.
  [[nodiscard]] const Channel* FindLive(std::string_view name) const;
  [[nodiscard]] size_t wanted() const { return wanted_; }

 private:
  struct Hash {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's name
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  struct Sent {
    Channel* channel;
    uint64_t want;  // 0: UNSUBSCRIBE
  };

  void Enqueue(Channel& channel);
  [[nodiscard]] Sent TakeOldest();
  // Forgets a channel that nothing refers to any more.
  void Settle(Channel& channel);

  std::unordered_map<std::string, Channel, Hash, std::equal_to<>> channels_;
  std::deque<Channel*> queue_;  // what is wanted may differ from what was sent
  std::deque<Sent> in_flight_;  // oldest first
  uint64_t wants_ = 0;
  size_t wanted_ = 0;
  bool connected_ = false;
};

}  // namespace sluice::redis
