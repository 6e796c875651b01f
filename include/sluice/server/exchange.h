// One request and its answer, as seen by who answers it, whatever the protocol underneath.
// Worker-thread only.
//
// The order of things: a head is complete -> Dispatcher::Dispatch(exchange) -> the handler answers,
// at once or in a later turn, by exactly one of Respond, StartAnswer ... EndAnswer, StartTunnel ...
// EndAnswer, TakeStream, PassOn and Close. From the last of these calls on, and from OnClientGone
// on, the exchange must not be touched; the handler is deleted at the end of the turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/config/proxy.h"
#include "sluice/event/loop.h"
#include "sluice/http/request.h"
#include "sluice/http/response.h"
#include "sluice/net/stream.h"
#include "sluice/proxy/call.h"

namespace sluice::server {

class RequestHandler;

// How an answer is delimited whose body comes in pieces, and what follows it.
struct AnswerFraming {
  bool chunked = false;     // for a body of unknown length; without it the connection's end ends it
  bool keep_alive = false;  // a further request may follow on the connection
  bool until_close = false;  // nothing but the connection's end says where the body ends
};

// How far an upstream came with a request, for the access log. Views live in the config.
struct UpstreamRecord {
  std::string_view name;
  int status = 0;          // 0: it gave no answer
  std::string_view error;  // why not, or no whole one (ToName); empty: it did
  bool stream = false;     // of events, or a tunnel: it lasts as long as its client wants
  proxy::CallRecord call;
};

class Exchange {
 public:
  virtual ~Exchange() = default;

  [[nodiscard]] virtual const http::Request& request() const = 0;
  [[nodiscard]] virtual const net::PeerAddress& peer() const = 0;
  [[nodiscard]] virtual uint64_t connection_id() const = 0;
  // The connection was accepted over limits.per_ip: it only gets to know so.
  [[nodiscard]] virtual bool over_limit() const { return false; }
  // The client has sent FIN: it may still read, but sends nothing more than what may wait to be
  // read: a part of the body, further requests.
  [[nodiscard]] virtual bool client_ended() const = 0;

  // Wants the body, of at most `limit` bytes (null: limits.body_bytes): OnBody and OnBodyEnd come,
  // never from inside this call. Sends "100 Continue" if the client waits for it. A body over the
  // limit is answered with 413 by the session, and the handler gets OnClientGone.
  virtual void ReadBody(std::optional<uint64_t> limit = std::nullopt) = 0;
  // While paused, OnBody and OnBodyEnd do not come, and the client may take its time. What waited
  // comes from inside ResumeBody: call it last.
  virtual void PauseBody() = 0;
  virtual void ResumeBody() = 0;
  // Whether all of the request has been read.
  [[nodiscard]] virtual bool request_complete() const = 0;

  // The answer. A body that was not read is skipped if that is cheap; else the connection is closed
  // after the answer. The status is 200 or more.
  virtual void Respond(http::Response response) = 0;

  // 1xx before the answer (RFC 9110 15.2): whole, with the empty line. Not for HTTP/1.0.
  virtual void SendInterim(std::string_view head) = 0;

  // An answer in pieces. PlanAnswer says how it has to be framed; `delimited`: the head tells where
  // the body ends (Content-Length), or there is none. StartAnswer takes the whole head that was
  // made accordingly.
  [[nodiscard]] virtual AnswerFraming PlanAnswer(bool delimited) = 0;
  virtual void StartAnswer(int status, std::string head, const AnswerFraming& framing) = 0;
  // `bytes` must stay valid until FlushAnswer or EndAnswer, in the same turn. What the client does
  // not take then is copied: see unsent().
  virtual void SendBody(std::string_view bytes) = 0;
  virtual void FlushAnswer() = 0;
  // `trailers`: whole lines, sent if the answer is chunked.
  virtual void EndAnswer(std::string_view trailers) = 0;
  // The rest of the answer will not come: the client sees a connection that breaks.
  virtual void AbortAnswer() = 0;
  // Bytes that wait for the client. OnAnswerSent comes when none are left. Whoever feeds stops
  // while there are too many; a client that takes none for limits.write_timeout is cut.
  [[nodiscard]] virtual size_t unsent() const = 0;

  // 101: `head` is sent, and from then on OnBody gets the client's bytes as they come, SendBody and
  // FlushAnswer send bytes as they are, and EndAnswer ends the connection. PauseBody works.
  // REQUIRES: request_complete().
  virtual void StartTunnel(std::string_view head) = 0;

  // Hands the connection over, before anything was written on it, and ends the session; nothing of
  // it stays. The caller calls SetHandler on the stream before it returns to the loop and writes
  // the response head, whose status is 200, itself. OnStreamTaken is called, and OnRequestDone is
  // not. Reading is not paused. If client_ended(), OnEnd may not come again. REQUIRES:
  // request_complete(), or ReadBody was not called.
  [[nodiscard]] virtual std::unique_ptr<net::Stream> TakeStream() = 0;

  // Another handler goes on with the request: `next` is called, now or before this turn of the
  // session ends, and answers or returns who will, as Dispatcher::Dispatch does. The calling
  // handler gets no callback any more. If it has read the body, `next` gets none.
  using Next = std::function<std::unique_ptr<RequestHandler>(Exchange& exchange)>;
  virtual void PassOn(Next next) = 0;
  // From now on request() is that one: an internal redirect. The log goes by the client's. There
  // are no error pages until they are set again.
  virtual void Redirect(http::Request request) = 0;
  // What the answers that led there leave to the last one; null: nothing.
  using Fields = std::vector<std::pair<std::string, std::string>>;
  virtual void set_kept_fields(Fields fields) = 0;
  [[nodiscard]] virtual const Fields* kept_fields() const = 0;
  // Likewise the rate at which it may go, in bytes a second (0: any); null: nobody has said.
  virtual void set_limit_rate(uint64_t rate) = 0;
  [[nodiscard]] virtual std::optional<uint64_t> limit_rate() const = 0;
  // How often that was done.
  [[nodiscard]] virtual int redirects() const = 0;

  // Closes the connection without an answer.
  virtual void Close() = 0;

  // Lives until OnRequestDone or OnStreamTaken has returned, with what was kept before it: what the
  // views below point into.
  virtual void Keep(std::shared_ptr<const void> what) = 0;
  // The name under which the request is counted and logged: a route's or topic's, never a value
  // that a client chose. Must stay valid as Keep says (names live in the config).
  virtual void set_route_label(std::string_view label) = 0;
  // What is answered with one of their statuses, by Respond or by the session itself, has their
  // body from now on; null: its own. Valid as Keep says.
  virtual void set_error_pages(const std::vector<config::ErrorPage>* pages) = 0;
  // Whom the request is from, as proved by its token: for the access log only.
  virtual void set_subject(std::string subject) = 0;
  // For the access log: of the upstream that was asked last. Made when it is first called for.
  [[nodiscard]] virtual UpstreamRecord& upstream() = 0;
};

// Answers one request. Made by the Dispatcher, deleted by the session at the end of a turn.
class RequestHandler : public event::Deferred {
 public:
  // After ReadBody. `bytes` are valid until it returns.
  virtual void OnBody(std::string_view /*bytes*/) {}
  // `trailers` are whole lines of fields that may stand there (RFC 9110 6.5.1); usually empty.
  virtual void OnBodyEnd(std::string_view /*trailers*/) {}
  // unsent() is 0 again.
  virtual void OnAnswerSent() {}
  // The client sent FIN and may still read. Whoever needs a listening client calls Close here. For
  // who does not: what it sent before may still come, but in a tunnel it has.
  virtual void OnClientEnd() {}
  // The request is over without this handler's answer: the connection broke, or the session refused
  // the body. The last call; of the exchange only upstream() is left.
  virtual void OnClientGone() = 0;
};

// One request that is over, or whose stream opens, for metrics and the access log. Views are valid
// during the call.
struct RequestSummary {
  static constexpr int kClientGone = 499;  // nginx's status for "the client left first"

  const http::Request* request = nullptr;  // null if the head was refused
  const net::PeerAddress* peer = nullptr;
  uint64_t connection_id = 0;
  int status = 0;                            // as answered, or kClientGone
  std::string_view route;                    // set_route_label, else empty
  std::string_view subject;                  // set_subject, else empty
  std::string_view error;                    // why the session itself refused it, else empty
  uint64_t duration_ns = 0;                  // first byte of the request to last byte of the answer
  uint64_t bytes_sent = 0;                   // head and body that the kernel took
  uint64_t body_bytes_sent = 0;              // of these: the body
  const UpstreamRecord* upstream = nullptr;  // null: none was asked
  bool complete = false;                     // the whole answer was sent
  bool stream = false;                       // a stream opens; nothing of it has been sent
};

// Decides who answers. Outlives all sessions.
class Dispatcher {
 public:
  virtual ~Dispatcher() = default;
  // Answers at once through `exchange` and returns null, or returns who will answer. OPTIONS * does
  // not come here.
  [[nodiscard]] virtual std::unique_ptr<RequestHandler> Dispatch(Exchange& exchange) = 0;
  // Adds to an answer, the session's own included, what every answer to this request has. Of a
  // request whose head was refused, only the header fields before the fault may be looked at.
  virtual void Decorate(const http::Request& /*request*/, http::Response& /*response*/) {}
  // For every request of which a byte was answered or a head was dispatched, except those whose
  // stream was taken.
  virtual void OnRequestDone(const RequestSummary& summary) = 0;
  // For those: when the stream is about to open.
  virtual void OnStreamTaken(const RequestSummary& /*summary*/) {}
};

}  // namespace sluice::server
