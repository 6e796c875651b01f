// One call: finds a server, gets a connection to it, sends the request and hands the answer over;
// tries again where that is safe. See proxy/call.h. Loop-thread only.
//
//   waiting (for a place at a server) -> connecting -> on a connection -> over
//
// Callbacks of the handler come out of those of the connection, and out of OnTurn; never out of a
// method of Call.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/connection.h"
#include "proxy/request_output.h"
#include "proxy/server.h"
#include "sluice/base/recycled.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/proxy/call.h"

namespace sluice::proxy {

class UpstreamImpl;

class CallImpl final : public Call,
                       public Recycled<CallImpl>,
                       private ConnectionUser,
                       private event::TimerWheel::Handler {
 public:
  CallImpl(UpstreamImpl& upstream, CallRequest request, CallHandler& handler);
  ~CallImpl() override;

  // Finds a server and asks it, or fails in a later turn. False if all of them are full: the call
  // goes on at the next Begin, when there is a place, or fails after the wait.
  [[nodiscard]] bool Begin();
  void Wait();
  // A turn of its own, asked for by UpstreamImpl::GiveTurn.
  void OnTurn();

  // Whether the connection can be kept once the rest of the answer was read: the answer has begun,
  // and its body is not known to be longer than `bytes`.
  [[nodiscard]] bool CanBeReadOut(uint64_t bytes) const;
  // `handler`, which must outlive the call, gets what comes from now on. The call's place at the
  // server is free, unless the rest of the answer has come already. REQUIRES: CanBeReadOut.
  void Spend(CallHandler& handler);

  void SendBody(std::string_view bytes) override;
  void EndBody(std::string_view trailers) override;
  [[nodiscard]] size_t unsent() const override { return over() ? 0 : output_.unsent(); }
  void PauseReading() override;
  void ResumeReading() override;
  void LimitReads(size_t bytes) override;
  [[nodiscard]] const CallRecord& record() const override { return record_; }

 private:
  // ConnectionUser
  void OnInterim(const http::ResponseHead& head) override;
  void OnHead(const http::ResponseHead& head) override;
  void OnBody(std::string_view bytes) override;
  void OnPause() override;
  void OnMessageEnd(std::string_view trailers) override;
  void OnSwitched(const http::ResponseHead& head, std::string_view rest) override;
  void OnWritable() override;
  void OnBroken(CallFailure failure, bool untouched) override;
  void OnDeadline() override;
  // The wait in the queue was too long.
  void OnTimeout(event::TimerWheel::Node& node) override;

  // --- finding a connection ---
  void Use(Server& server, bool probe);
  void Connect();
  void OnConnected(Result<std::unique_ptr<net::Stream>> result);
  void Attach(std::unique_ptr<Connection> connection);

  // --- sending ---
  [[nodiscard]] net::Stream* stream() const {
    return connection_ == nullptr ? nullptr : &connection_->stream();
  }
  void AfterWrite(bool alive);
  void TellSendable();

  // --- reading ---
  void CountHead(int status);
  // All that the connection has read was told.
  void TellPause();
  void GivePlace();
  void ReadOn();
  void DeliverHeld();

  // Nothing that is sent matters any more.
  [[nodiscard]] bool over() const { return handler_ == nullptr || failed_ || held_end_; }

  // --- ending ---
  // The server has failed; another one is tried if `again`.
  void FailAttempt(CallFailure failure, bool again);
  void FailInTurn(CallFailure failure);
  void CountFailure(CallFailure::Kind kind);
  void FailInTurn(CallFailure::Kind kind, std::string_view detail);
  void LeaveServer();
  void DropConnection();
  [[nodiscard]] uint64_t NowMs() const;
  // Since the start.
  [[nodiscard]] uint64_t ElapsedNs() const;

  UpstreamImpl& upstream_;
  CallHandler* handler_;  // null after the last callback
  RequestOutput output_;
  const uint64_t hash_;
  const bool head_method_;
  const bool idempotent_;
  const bool upgrade_;

  Server* server_ = nullptr;  // entered
  std::unique_ptr<net::Connecting> connecting_;
  std::unique_ptr<Connection> connection_;
  std::vector<uint64_t> tried_;         // servers, by id
  std::optional<CallFailure> failure_;  // of the last attempt; the call's once it is over
  event::TimerWheel::Node wait_;
  CallRecord record_;
  uint64_t activity_ms_ = 0;  // the last progress on the connection
  std::string held_;          // of the body: what came in one piece with what was taken
  std::string held_trailers_;
  bool* destroyed_ = nullptr;  // set by the destructor while DeliverHeld is on the stack
  bool probe_ = false;
  bool stale_ = false;  // a kept connection proved dead; there is no second time
  bool answered_ = false;
  bool paused_ = false;
  bool corked_ = false;  // the head waits for the first bytes of the body, for this turn
  bool want_writable_ = false;
  bool held_end_ = false;
  bool tell_sendable_ = false;
  bool failed_ = false;       // OnFailed comes in the next turn
  bool told_all_ = false;     // of what the connection has read
  bool spent_ = false;        // nobody wants the rest of the answer
  bool place_given_ = false;  // it has none at its server
};

}  // namespace sluice::proxy
