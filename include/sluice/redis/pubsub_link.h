// A process's link to Redis pub/sub: holds subscriptions over losses of the connection, publishes,
// and proves by messages that delivery works. Loop-thread only, but for stats().
//
// There are two connections, one for SUBSCRIBE and one for commands. Every probe interval a
// numbered beat is published on the second to a channel of this process's own and must come back on
// the first. So a link that is up is one through which messages really pass; a half-open socket, a
// stopped server or a proxy that swallows messages are noticed within max(3 x probe interval, 1 s).
// A beat that is late while other messages keep coming is waited for ten times as long: what is
// only slow is not made better by losing it. When anything fails, both connections are dropped and
// made again, with growing pauses.
//
// Delivery is at most once, as Redis pub/sub is.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/base/result.h"
#include "sluice/event/loop.h"
#include "sluice/net/network.h"
#include "sluice/redis/options.h"

namespace sluice::redis {

// Callbacks of a PubSubLink. They may call every method of the link, but must not destroy it. Views
// are valid until the call returns.
class PubSubHandler {
 public:
  virtual ~PubSubHandler() = default;

  // Logged in, every channel that was wanted at connect is acknowledged or refused, and the first
  // beat came back. Comes after the OnSubscribed calls.
  virtual void OnLinkUp() = 0;

  // The link was lost, or an attempt to make it failed: may come several times in a row. What
  // OnSubscribed told before holds no more. `reason` is one line for people and holds no secret.
  virtual void OnLinkDown(std::string_view reason) = 0;

  // Redis acknowledged the SUBSCRIBE that the last Subscribe(channel) asked for: whatever is
  // published from now on comes by OnMessage. Comes again after each reconnect: then messages may
  // have been missed since the time before.
  virtual void OnSubscribed(std::string_view channel) = 0;

  // Redis refuses this channel (ACL), while the link goes on. The channel stays wanted and is asked
  // for again at the next reconnect, or by Unsubscribe and Subscribe.
  virtual void OnSubscribeFailed(std::string_view channel, std::string_view reason) = 0;

  // A message on a channel that is subscribed and acknowledged. Any bytes, also none.
  virtual void OnMessage(std::string_view channel, std::string_view payload) = 0;

  // A message of `size` bytes, over Options::max_message_bytes, came and was thrown away.
  virtual void OnOversized(std::string_view channel, uint64_t size) = 0;
};

// Written on the loop's thread; any thread may read.
struct LinkStats {
  std::atomic<bool> up{false};
  std::atomic<uint64_t> reconnects{0};  // the link came up again after a loss
  std::atomic<uint64_t> failures{0};    // links lost and attempts that failed
  std::atomic<uint64_t> probe_ns{0};    // how long the last beat took; 0 before the first
  std::atomic<uint64_t> messages{0};    // handed to OnMessage
  std::atomic<uint64_t> oversized{0};   // handed to OnOversized
};

// Receivers that Redis counted, or an error: kUnavailable (link down, or lost before the answer:
// the message may or may not have been delivered), kTimeout (likewise), kLimit (too much
// unanswered), kInvalid (Redis refused it).
using PublishCallback = std::function<void(Result<int64_t> receivers)>;

class PubSubLink {
 public:
  // `loop`, `network` and `handler` must outlive the link. Nothing happens before Start.
  PubSubLink(event::Loop& loop, net::Network& network, Options options, PubSubHandler& handler);
  // Closes both connections. No callback comes any more, also none for publishes under way.
  ~PubSubLink();
  PubSubLink(const PubSubLink&) = delete;
  PubSubLink& operator=(const PubSubLink&) = delete;

  // Connects, and keeps connected until destruction. Once.
  void Start();

  // Wants the channel from now on, over all losses of the link. Does nothing if it is wanted
  // already. May be called while the link is down.
  void Subscribe(std::string_view channel);

  // No OnMessage for the channel comes after this call.
  void Unsubscribe(std::string_view channel);

  // `done` is called exactly once, also before Publish returns when it fails at once.
  void Publish(std::string_view channel, std::string_view payload, PublishCallback done);

  [[nodiscard]] bool up() const;
  // Why the link is down, one line for people; empty while it is up.
  [[nodiscard]] const std::string& trouble() const;
  [[nodiscard]] const LinkStats& stats() const;  // any thread

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// hiredis's version, for --version.
[[nodiscard]] const char* LibraryVersion();

}  // namespace sluice::redis
