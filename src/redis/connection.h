// One connection to Redis: connects, logs in (AUTH, SELECT, CLIENT SETNAME), then carries commands
// out and replies in. Loop-thread only.
//
// A command is either a Call, whose reply goes to its callback, or written by Write, whose reply
// goes to ConnectionHandler::OnReply, as does what Redis sends unasked. The two are not mixed after
// the login.
//
// Policy for a slow or dead Redis: nothing is dropped. Calls that are not yet answered may take
// Options::max_pending_bytes; a limited Call over it is refused. What Write takes is paced by its
// caller, who looks at backlog_bytes and goes on at OnDrained.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "redis/fault.h"
#include "redis/reply.h"
#include "redis/reply_reader.h"
#include "sluice/base/result.h"
#include "sluice/event/loop.h"
#include "sluice/net/network.h"
#include "sluice/redis/options.h"

namespace sluice::redis {

class Connection;

class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  // Connected and logged in.
  virtual void OnReady(Connection& connection) = 0;
  // A reply that belongs to no Call. The view is valid until the call returns.
  virtual void OnReply(Connection& connection, const Reply& reply) = 0;
  // All that was written has gone to the kernel, after some of it had to wait.
  virtual void OnDrained(Connection& connection) = 0;
  // The connection is dead. The last callback; comes before the Calls under way are failed, which
  // Close does. Never from inside Open, Call, Write or Flush.
  virtual void OnFault(Connection& connection, const Fault& fault) = 0;
};

// The reply (maybe an error reply), or kTimeout, kLimit, or kUnavailable when the connection is or
// was closed.
using ReplyCallback = std::function<void(Result<const Reply*> reply)>;

// The handler may not destroy a connection inside its callbacks: Close it and give it to
// Loop::DeferDelete.
class Connection final : public event::Deferred, private net::StreamHandler {
 public:
  // All references must outlive the connection.
  Connection(event::Loop& loop, net::Network& network, const Options& options,
             ConnectionHandler& handler);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Open();

  enum class Bound : uint8_t {
    kLimited,  // refused with kLimit when too much is unanswered
    kAlways,   // for the few commands that keep the link alive
  };
  // Sends a command at once. timeout_ms: how long to wait for the reply, the same for all calls of
  // a connection or 0, which is for ever. What fails at once calls `done` before Call returns; a
  // connection that is destroyed without Close does not call it.
  void Call(std::initializer_list<std::string_view> words, uint64_t timeout_ms, Bound bound,
            ReplyCallback done);

  // Appends a command; Flush sends what was appended.
  void Write(std::initializer_list<std::string_view> words);
  void Flush();
  [[nodiscard]] size_t backlog_bytes() const { return out_.size() - sent_; }

  // When bytes came last, or the login began (Loop::NowMs).
  [[nodiscard]] uint64_t last_data_ms() const { return last_data_ms_; }

  // Drops the connection: no handler callback comes any more; Calls under way fail with `reason`.
  void Close(std::string_view reason);

 private:
  struct Pending {
    ReplyCallback done;  // empty after its timeout
    size_t bytes;
  };
  struct Deadline {
    uint64_t call;  // its number
    uint64_t at_ms;
  };

  void OnData(std::string_view bytes) override;
  void OnEnd() override;
  void OnWritable() override;
  void OnClosed(int error) override;

  void LogIn();
  void CallForLogin(std::initializer_list<std::string_view> words,
                    std::function<void(const Reply&)> done);
  void LoginStepDone();
  void OnTimer();
  void ExpireCalls();
  void TakeReply(const Reply& reply);
  // Tells the handler now.
  void Die(Fault fault);
  // Writing failed: reads what Redis may have said about it, then tells the handler.
  void DieLater(Fault fault);
  void Shut();
  [[nodiscard]] bool alive() const { return state_ == State::kLogin || state_ == State::kReady; }
  [[nodiscard]] bool reads() const { return alive() || state_ == State::kDying; }

  event::Loop& loop_;
  net::Network& network_;
  const Options& options_;
  ConnectionHandler& handler_;

  enum class State : uint8_t {
    kConnecting,
    kLogin,
    kReady,
    kDying,
    kDead
  } state_ = State::kConnecting;
  std::unique_ptr<net::Connecting> connecting_;
  std::unique_ptr<net::Stream> stream_;
  std::unique_ptr<event::Timer> timer_;  // for the login, then for the oldest Deadline
  ReplyReader reader_;
  Fault fault_;  // while kDying

  uint64_t last_data_ms_ = 0;
  std::string out_;
  size_t sent_ = 0;  // bytes of out_ that the kernel has
  bool draining_ = false;

  std::deque<Pending> pending_;  // oldest first; replies come in this order
  uint64_t first_pending_ = 0;   // number of pending_.front()
  size_t pending_bytes_ = 0;
  std::deque<Deadline> deadlines_;
  uint32_t login_steps_ = 0;
};

}  // namespace sluice::redis
