// One client connection that speaks HTTP/1.1: reads a request, has it answered, reads the next. One
// request at a time; what a client pipelines behind it waits, with reading paused. Worker-thread
// only.
//
//   kIdle --byte--> kHead --head--> kBusy --answer--> kSending --+--> kIdle      kept alive
//                                                                +--> kSkipping  first drop the
//                                                                unread body
//                                                                +--> kLingering close
//
// Every event ends in Pump, which takes the session as far as its bytes and answers carry it. What
// handlers call from inside it only leaves a mark that Pump then sees. The session is deleted at
// the end of the turn in which it is over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "server/deadlines.h"
#include "server/transaction.h"
#include "sluice/event/loop.h"
#include "sluice/event/timer_wheel.h"
#include "sluice/http/request_parser.h"
#include "sluice/http/response.h"
#include "sluice/net/stream.h"
#include "sluice/server/exchange.h"
#include "sluice/server/session_set.h"

namespace sluice::server {

class Session final : public event::Deferred,
                      private Exchange,
                      private net::StreamHandler,
                      private event::TimerWheel::Handler,
                      private http::BodySink {
 public:
  Session(SessionSet& set, std::unique_ptr<net::Stream> stream, uint64_t id, bool draining,
          bool over_limit);
  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // No request after the one that it is in.
  void Drain();
  // Cuts the connection.
  void Abort();

 private:
  friend class SessionSet;

  enum class State : uint8_t {
    kIdle,       // nothing of a request has come
    kHead,       // a part of a head has come
    kBusy,       // dispatched, not answered
    kSending,    // the answer is on its way
    kSkipping,   // answered; the rest of the request's body is dropped
    kLingering,  // half closed; what still comes is dropped, so that the answer is not lost to a
                 // reset
    kOver,       // waits for its deletion
  };

  Transaction::Redirected& redirected() {
    if (tx_->redirected == nullptr) tx_->redirected = std::make_unique<Transaction::Redirected>();
    return *tx_->redirected;
  }

  // Exchange.
  [[nodiscard]] const http::Request& request() const override {
    return tx_->redirected != nullptr && tx_->redirected->request ? *tx_->redirected->request
                                                                  : tx_->parser.request();
  }
  [[nodiscard]] const net::PeerAddress& peer() const override { return stream_->peer(); }
  [[nodiscard]] uint64_t connection_id() const override { return id_; }
  [[nodiscard]] bool over_limit() const override { return over_limit_; }
  [[nodiscard]] bool client_ended() const override { return client_ended_ || end_waits_; }
  void ReadBody(std::optional<uint64_t> limit) override;
  void PauseBody() override;
  void ResumeBody() override;
  [[nodiscard]] bool request_complete() const override { return tx_->parser.complete(); }
  void Respond(http::Response response) override;
  void SendInterim(std::string_view head) override;
  [[nodiscard]] AnswerFraming PlanAnswer(bool delimited) override;
  void StartAnswer(int status, std::string head, const AnswerFraming& framing) override;
  void SendBody(std::string_view bytes) override;
  void FlushAnswer() override;
  void EndAnswer(std::string_view trailers) override;
  void AbortAnswer() override;
  [[nodiscard]] size_t unsent() const override { return tx_->outgoing.size(); }
  void StartTunnel(std::string_view head) override;
  [[nodiscard]] std::unique_ptr<net::Stream> TakeStream() override;
  void PassOn(Next next) override;
  void Redirect(http::Request request) override;
  void set_kept_fields(Fields fields) override {
    if (fields.empty()) return;
    for (auto& field : fields) redirected().fields.push_back(std::move(field));
  }
  [[nodiscard]] const Fields* kept_fields() const override {
    return tx_->redirected == nullptr || tx_->redirected->fields.empty() ? nullptr
                                                                         : &tx_->redirected->fields;
  }
  void set_limit_rate(uint64_t rate) override { redirected().limit_rate = rate; }
  [[nodiscard]] std::optional<uint64_t> limit_rate() const override {
    return tx_->redirected == nullptr ? std::nullopt : tx_->redirected->limit_rate;
  }
  [[nodiscard]] int redirects() const override {
    return tx_->redirected == nullptr ? 0 : tx_->redirected->count;
  }
  void Close() override;
  void Keep(std::shared_ptr<const void> what) override;
  void set_route_label(std::string_view label) override { tx_->route = label; }
  void set_error_pages(const std::vector<config::ErrorPage>* pages) override {
    tx_->error_pages = pages;
  }
  void set_subject(std::string subject) override { tx_->subject = std::move(subject); }
  [[nodiscard]] UpstreamRecord& upstream() override {
    if (!tx_->upstream) tx_->upstream.emplace();
    return *tx_->upstream;
  }

  // net::StreamHandler, TimerWheel::Handler, http::BodySink.
  void OnData(std::string_view bytes) override;
  void OnEnd() override;
  void OnEndWaits() override;
  void OnWritable() override;
  void OnClosed(int error) override;
  void OnTimeout(event::TimerWheel::Node& node) override;
  void OnBodyBytes(std::string_view bytes) override;

  void OnSilence();  // the client has not sent what it was to send
  void Pump(std::string_view fresh);
  // Each does one thing and tells whether there may be more to do. `rest` is what was not consumed
  // yet.
  [[nodiscard]] bool Step(std::string_view& rest);
  [[nodiscard]] bool StepHead(std::string_view& rest);
  [[nodiscard]] bool StepBusy(std::string_view& rest);
  [[nodiscard]] bool StepBody(std::string_view& rest);
  [[nodiscard]] bool StepSending(std::string_view rest);
  [[nodiscard]] bool StepSkipping(std::string_view& rest);
  [[nodiscard]] bool StepLingering(std::string_view& rest);
  void KeepWaiting(std::string_view rest);

  void StartRequest();
  void Dispatch();
  void Adopt(std::unique_ptr<RequestHandler> handler);
  [[nodiscard]] bool StepTunnel(std::string_view& rest);
  // The client owes a part of the body, or does not.
  void TimeBody();
  void Answer(std::string_view& rest);
  [[nodiscard]] bool KeepsAfter(std::string_view& rest);
  // Whether what is missing of the request is worth reading for the connection's sake.
  [[nodiscard]] bool RestIsShort() const;
  void Send(http::Response response, bool keep);
  void UseErrorPage(http::Response& response) const;
  // Answers for the handler, which is told, and closes.
  void Refuse(int status, std::string_view detail);
  void FinishAnswer(std::string_view rest);
  void AwaitRequest();
  void Linger(std::string_view rest);
  [[nodiscard]] bool Flush();
  void WriteThrough(std::span<const iovec> parts);
  void NoteWritten(size_t taken);
  void WantWritable(bool on);
  void Yield();

  [[nodiscard]] const SessionEnvironment& environment() const { return set_.environment_; }
  // The client has so long for what it is to send, or to take.
  void TimeReading(uint64_t ms) {
    deadlines_.SetRead(environment().timers, environment().loop.NowMs() + ms);
  }
  void TimeWriting(uint64_t ms) {
    deadlines_.SetWrite(environment().timers, environment().loop.NowMs() + ms);
  }
  [[nodiscard]] RequestSummary Summarize(int status) const;
  void Report(int status, bool complete);
  void TellGone();
  void ReleaseHandler();
  // REQUIRES: the parser is not on the stack.
  void ReleaseTransaction();
  // The connection is of no more use: tells the handler, reports, ends.
  void Break();
  void End();

  SessionSet& set_;
  std::unique_ptr<net::Stream> stream_;
  std::unique_ptr<Transaction> tx_;  // from a request's first byte to the end of its answer
  Deadlines deadlines_{*this};
  std::string waiting_;  // bytes that came while a request was being answered
  size_t index_ = 0;     // in the set
  uint64_t id_;
  uint32_t linger_bytes_ = 0;
  State state_ = State::kIdle;
  bool first_ = true;     // no request has been answered on this connection
  bool blocked_ = false;  // the kernel took less than it was given
  bool broken_ = false;   // a write failed; the next step ends the session
  bool draining_;
  bool over_limit_;
  bool client_ended_ = false;
  bool end_waits_ = false;  // it has ended, and what it sent before was not all read when that came
  bool pumping_ = false;
  bool paused_ = false;
  bool wants_writable_ = false;
};

}  // namespace sluice::server
