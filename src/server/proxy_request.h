// One request of a client that an upstream answers: sends it on, and the answer back, each side as
// fast as the other takes it. Worker-thread only.
//
//   Begin -> [body] -> head -> pieces of the body -> end
//                        |-> X-Accel-Redirect: another handler answers
//                        '-> 101: a tunnel
//
// A client that ends its side before the answer is complete has gone, as in nginx: the call to the
// upstream is given up at once, whatever it is doing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/limiter.h"
#include "server/proxy_handler.h"
#include "server/throttle.h"
#include "server/tunnel.h"
#include "sluice/base/recycled.h"
#include "sluice/proxy/call.h"
#include "sluice/proxy/field_list.h"

namespace sluice::server {

class ProxyRequest final : public RequestHandler,
                           public Recycled<ProxyRequest>,
                           private event::TimerWheel::Handler {
 public:
  // `route` is the present generation's, which this keeps.
  ProxyRequest(const ProxyEnvironment& environment, const config::Route& route,
               const net::PeerAddress& client, Place place, Exchange& exchange);

  // `fields` are added to the request, in place of those of the same name.
  void Begin(const proxy::FieldList& fields);

  void OnBody(std::string_view bytes) override;
  void OnBodyEnd(std::string_view trailers) override;
  void OnAnswerSent() override;
  void OnClientEnd() override;
  void OnClientGone() override;

 private:
  // The upstream's side; its callbacks have the same names as the client's.
  class Answer final : public proxy::CallHandler {
   public:
    explicit Answer(ProxyRequest& owner) : owner_(owner) {}
    void OnInterim(const http::ResponseHead& head) override { owner_.PassInterim(head); }
    void OnHead(const http::ResponseHead& head) override { owner_.TakeHead(head); }
    void OnBody(std::string_view bytes) override { owner_.TakePiece(bytes); }
    void OnPause() override { owner_.Pass(); }
    void OnEnd(std::string_view trailers) override { owner_.TakeEnd(trailers); }
    void OnUpgraded(const http::ResponseHead& head, std::unique_ptr<net::Stream> stream,
                    std::string bytes) override {
      owner_.StartTunnel(head, std::move(stream), bytes);
    }
    void OnFailed(const proxy::CallFailure& failure) override { owner_.Fail(failure); }
    void OnSendable() override { owner_.exchange_->ResumeBody(); }

   private:
    ProxyRequest& owner_;
  };

  void StartCall(proxy::CallRequest::Body body, uint64_t length);
  [[nodiscard]] uint64_t HashKey() const;

  void PassInterim(const http::ResponseHead& head);
  void TakeHead(const http::ResponseHead& head);
  void TakePiece(std::string_view bytes);
  void Pass();
  void MakeRoom();
  void LimitReads(size_t bytes);
  void TakeEnd(std::string_view trailers);
  void StartTunnel(const http::ResponseHead& head, std::unique_ptr<net::Stream> stream,
                   std::string_view bytes);
  void Fail(const proxy::CallFailure& failure);

  void StartRedirect(const http::ResponseHead& head, std::string_view target);
  void FollowOnceRead();
  void FollowRedirect();

  void Drip();
  void OnTimeout(event::TimerWheel::Node& node) override {
    Drip();
    static_cast<void>(node);
  }
  void End();
  void Answer500(std::string_view why);
  void Respond(http::Response response);
  // Keeps what the call has to tell, and gives it up.
  void DropCall();
  // Likewise, when the rest of the answer is of no use.
  void ReadOutCall();
  void NoteCall();
  void NoteEnd();

  const ProxyEnvironment& environment_;
  const GenerationPtr generation_;  // what all below refers to: it has to go last
  const config::Route& route_;
  const config::Forwarding& forwarding_;
  proxy::Upstream& upstream_;
  net::PeerAddress client_;
  Place place_;
  Exchange* exchange_;  // null once it was answered or the client has gone
  Answer answer_{*this};
  std::unique_ptr<proxy::Call> call_;
  std::unique_ptr<Tunnel> tunnel_;
  std::optional<Throttle> throttle_;
  event::TimerWheel::Node drip_{*this};
  std::optional<proxy::RedirectTarget> redirect_;
  proxy::FieldList fields_;    // for the upstream, then, with a redirect, for the client
  std::string held_;           // the request's body, with request_buffering; then the trailers
  int status_ = 0;             // of the upstream's answer
  uint64_t buffer_bytes_ = 0;  // of the answer, that may wait for the client
  size_t read_bytes_ = net::kReadBytes;  // at most, of the upstream's next read
  bool started_ = false;                 // the client has a part of the answer
  bool stream_ = false;                  // UpstreamRecord::stream
  bool ended_ = false;                   // the upstream's answer is complete
  bool paused_ = false;                  // the upstream waits for the client
};

}  // namespace sluice::server
