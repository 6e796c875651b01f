// A SessionSet over fakes whose handler writes down what it is told, in log_; the test does the
// rest, by exchange_.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "unit/server/session_fixture.h"

namespace sluice::server {

class NotesFixture : public SessionFixture {
 protected:
  class Notes : public Handler {
   public:
    Notes(NotesFixture& test, Exchange& exchange) : Handler(test, exchange), test_(test) {}
    void OnBody(std::string_view bytes) override {
      test_.Tell("body:" + std::string(bytes));
      if (test_.on_body_) test_.on_body_();
    }
    void OnBodyEnd(std::string_view trailers) override {
      test_.Tell("body-end:" + std::string(trailers));
    }
    void OnAnswerSent() override {
      test_.Tell("sent");
      if (test_.on_sent_) test_.on_sent_();
    }
    void OnClientEnd() override {
      test_.Tell("client-end");
      if (test_.on_end_) test_.on_end_();
    }
    void OnClientGone() override {
      test_.Tell("client-gone");
      if (test_.on_gone_) test_.on_gone_();
    }

   private:
    NotesFixture& test_;
  };

  std::unique_ptr<RequestHandler> Dispatch(Exchange& exchange) override {
    ++dispatched_;
    auto handler = std::make_unique<Notes>(*this, exchange);
    if (on_dispatch_) on_dispatch_(exchange);
    return handler;
  }
  void OnRequestDone(const RequestSummary& summary) override {
    server_ = summary.upstream != nullptr ? summary.upstream->name : std::string_view();
    SessionFixture::OnRequestDone(summary);
  }

  void Tell(const std::string& what) { log_ += what + " "; }
  std::string Told() { return std::exchange(log_, {}); }

  // Begins an answer of unknown length, as the client has to have it.
  AnswerFraming StartUnknown() {
    const AnswerFraming framing = exchange_->PlanAnswer(false);
    exchange_->StartAnswer(200, "HEAD\r\n\r\n", framing);
    return framing;
  }
  void Send(std::string_view bytes) {
    exchange_->SendBody(bytes);
    exchange_->FlushAnswer();
  }

  std::function<void(Exchange&)> on_dispatch_;
  std::function<void()> on_body_;
  std::function<void()> on_sent_;
  std::function<void()> on_end_;
  std::function<void()> on_gone_;
  std::string server_;  // the upstream of the last request that is over
};

}  // namespace sluice::server
