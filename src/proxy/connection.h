// One connection to a server: it carries one request at a time, and is kept between them by a Pool.
// What arrives is parsed here and told to whom it is for. Loop-thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/event/loop.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/http/response_parser.h"
#include "sluice/net/stream.h"
#include "sluice/proxy/upstream.h"

namespace sluice::proxy {

class Connection;
class Server;

// Who uses a connection. It may drop the connection in any of these.
class ConnectionUser {
 public:
  virtual ~ConnectionUser() = default;
  virtual void OnInterim(const http::ResponseHead& head) = 0;
  virtual void OnHead(const http::ResponseHead& head) = 0;
  virtual void OnBody(std::string_view bytes) = 0;
  // The bytes that came together have been told: what OnBody gave is valid until then.
  virtual void OnPause() = 0;
  // The last of an answer. The connection may be used again if reusable().
  virtual void OnMessageEnd(std::string_view trailers) = 0;
  // 101. `rest` came behind the head; the stream can be taken.
  virtual void OnSwitched(const http::ResponseHead& head, std::string_view rest) = 0;
  virtual void OnWritable() = 0;
  // The connection is of no more use. `untouched`: nothing of an answer had come.
  virtual void OnBroken(CallFailure failure, bool untouched) = 0;
  virtual void OnDeadline() = 0;
};

// Who keeps a connection that nobody uses. It destroys the connection in any of these.
class ConnectionKeeper {
 public:
  virtual ~ConnectionKeeper() = default;
  // The server has closed it, or sent something unasked, or it was kept for long enough.
  virtual void OnIdleEnd(Connection& connection) = 0;
};

class Connection final : public event::Deferred,
                         private net::StreamHandler,
                         private http::BodySink,
                         private event::TimerWheel::Handler {
 public:
  // `limits` must outlive the parsing, `server` the connection's use; null: none, and it is never
  // kept.
  Connection(const UpstreamEnvironment& environment, Server* server,
             std::unique_ptr<net::Stream> stream, const http::ResponseLimits& limits);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Closes. It is safe in callbacks of the connection: what is still on the stack lives on.
  static void Drop(std::unique_ptr<Connection> connection);

  struct Expect {
    bool head_method = false;      // the answer to HEAD has no body
    bool upgrade = false;          // 101 is an answer
    uint64_t* received = nullptr;  // counts what arrives for the user; null: nobody counts
  };
  // A request begins. REQUIRES: nobody uses it.
  void Begin(ConnectionUser& user, const Expect& expect);
  // Nobody uses it; calls back `keeper` after `timeout_ms` at the latest. REQUIRES: reusable().
  void Keep(ConnectionKeeper& keeper, uint64_t timeout_ms);

  // Of the answer under way. REQUIRES: OnHead has come.
  [[nodiscard]] const http::ResponseHead& head() const { return parser_.head(); }
  // After OnMessageEnd: whether another request may be sent on it.
  [[nodiscard]] bool reusable() const { return reusable_; }
  // The server sent more than its answer, or something unasked: nobody gets it.
  [[nodiscard]] bool surplus() const { return surplus_; }
  // REQUIRES: it has one.
  [[nodiscard]] Server& server() const { return *server_; }
  [[nodiscard]] net::Stream& stream() { return *stream_; }
  [[nodiscard]] std::unique_ptr<net::Stream> TakeStream();
  // Requests begun, and when the connection was made and kept last (Loop::NowMs).
  [[nodiscard]] uint32_t requests() const { return requests_; }
  [[nodiscard]] uint64_t made_ms() const { return made_ms_; }
  [[nodiscard]] uint64_t kept_ms() const { return kept_ms_; }
  // How long the server says it keeps idle connections (Keep-Alive: timeout=N), in ms.
  [[nodiscard]] uint64_t server_keeps_ms() const { return server_keeps_ms_; }

  // OnDeadline comes at `at_ms` or earlier; later deadlines are asked for again then. So that a
  // deadline that moves with each byte costs nothing.
  void WakeBy(uint64_t at_ms) { environment_.timers.ArmBy(timer_, at_ms); }

 private:
  void OnData(std::string_view bytes) override;
  void OnEnd() override;
  void OnWritable() override;
  void OnClosed(int error) override;
  void OnBodyBytes(std::string_view bytes) override;
  void OnTimeout(event::TimerWheel::Node& node) override;

  void Fail(const Error& error);
  void FinishAnswer();
  void ReadKeepAlive();

  const UpstreamEnvironment& environment_;
  Server* server_;
  std::unique_ptr<net::Stream> stream_;
  http::ResponseParser parser_;
  ConnectionUser* user_ = nullptr;
  uint64_t* received_ = nullptr;  // the user's
  ConnectionKeeper* keeper_ = nullptr;
  event::TimerWheel::Node timer_;
  uint64_t made_ms_;
  uint64_t kept_ms_ = 0;
  uint64_t keep_until_ms_ = 0;
  uint64_t server_keeps_ms_ = UINT64_MAX;
  uint32_t requests_ = 0;
  bool feeding_ = false;  // the parser or a callback out of OnData is on the stack
  bool ended_ = false;    // FIN seen
  bool reusable_ = false;
  bool surplus_ = false;
};

}  // namespace sluice::proxy
