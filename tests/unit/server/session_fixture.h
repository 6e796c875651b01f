// A SessionSet over fakes, with a dispatcher whose answer depends on the path:
//
//   /ok      200 "ok" at once          /later   answered by the test, or never
//   /echo    reads the body, sends it  /early   413 at once, without reading the body
//   /big     200 with 100,000 bytes    /none    nobody answers
//   /take    takes the stream          /close   closes
//   /kept    keeps two things, then 200 "ok" at once
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/event/timer_wheel.h"
#include "sluice/server/session_set.h"
#include "support/fake_loop.h"
#include "support/fake_stream.h"

namespace sluice::server {

class SessionFixture : public ::testing::Test, protected Dispatcher {
 protected:
  // Tells the fixture's log what happens to it, and is deleted by the session.
  class Handler : public RequestHandler {
   public:
    Handler(SessionFixture& fixture, Exchange& exchange) : fixture_(fixture) {
      fixture_.handler_ = this;
      fixture_.exchange_ = &exchange;
      ++fixture_.live_handlers_;
    }
    ~Handler() override {
      --fixture_.live_handlers_;
      if (fixture_.handler_ == this) fixture_.handler_ = nullptr;
    }
    void OnBody(std::string_view bytes) override {
      EXPECT_FALSE(fixture_.in_read_body_);
      body_ += bytes;
      if (!fixture_.answer_at_.empty() && body_.find(fixture_.answer_at_) != std::string::npos) {
        fixture_.exchange_->Respond({.status = 400, .headers = {}, .body = "seen enough"});
      }
    }
    void OnBodyEnd(std::string_view /*trailers*/) override {
      EXPECT_FALSE(fixture_.in_read_body_);
      fixture_.exchange_->Respond({.status = 200, .headers = {}, .body = std::move(body_)});
    }
    void OnClientEnd() override { fixture_.log_ += "client-end "; }
    void OnClientGone() override { fixture_.log_ += "client-gone "; }

   private:
    SessionFixture& fixture_;
    std::string body_;
  };

  struct Done {
    int status;
    std::string route;
    std::string method;
    std::string error;
    uint64_t bytes;
    uint64_t duration_ms;
    bool complete;
    std::string subject;
    uint64_t body_bytes;
    bool stream;
  };

  void TearDown() override {
    sessions_.reset();
    taken_.reset();
    loop_.Turn();
    EXPECT_EQ(live_handlers_, 0);
    EXPECT_EQ(timers_.armed_count(), 0U);
  }

  std::shared_ptr<testing::FakePeer> Connect() {
    auto stream = std::make_unique<testing::FakeStream>();
    auto peer = stream->other_end();
    sessions_->Add(std::move(stream));
    return peer;
  }

  // A connection on which `bytes` have arrived.
  std::shared_ptr<testing::FakePeer> ConnectAndSend(std::string_view bytes) {
    auto peer = Connect();
    peer->Deliver(bytes);
    return peer;
  }

  static std::string Get(const std::string& path, const std::string& fields = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
  }
  static std::string Post(const std::string& path, const std::string& fields,
                          const std::string& body) {
    return "POST " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
  }

  // The answer that the test gives to /later.
  void AnswerLater(std::string body = "later") {
    exchange_->Respond({.status = 200, .headers = {}, .body = std::move(body)});
  }

  static size_t CountOf(std::string_view text, std::string_view what) {
    size_t count = 0;
    for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++count;
    return count;
  }
  static std::string BodyOf(const std::string& answer) {
    const size_t end = answer.find("\r\n\r\n");
    return end == std::string::npos ? "no head" : answer.substr(end + 4);
  }

  std::unique_ptr<RequestHandler> Dispatch(Exchange& exchange) override {
    const std::string path(exchange.request().path().text());
    ++dispatched_;
    if (path == "/kept") {
      exchange.Keep(kept_[0]);
      exchange.Keep(kept_[0]);
      exchange.Keep(kept_[1]);
      exchange.Respond({.status = 200, .headers = {}, .body = "ok"});
      return nullptr;
    }
    if (path == "/ok") {
      exchange.set_route_label("ok-route");
      exchange.set_subject(std::string(exchange.request().Header("Subject").value_or("")));
      exchange.Respond({.status = 200, .headers = {}, .body = "ok"});
      return nullptr;
    }
    if (path == "/big") {
      exchange.Respond({.status = 200, .headers = {}, .body = std::string(100'000, 'b')});
      return nullptr;
    }
    if (path == "/early") {
      exchange.Respond({.status = 413, .headers = {}, .body = "no"});
      return nullptr;
    }
    if (path == "/close") {
      exchange.Close();
      return nullptr;
    }
    if (path == "/none") return nullptr;
    auto handler = std::make_unique<Handler>(*this, exchange);
    if (path == "/take") taken_ = exchange.TakeStream();
    if (path == "/echo") {
      in_read_body_ = true;
      exchange.ReadBody();
      in_read_body_ = false;
    }
    return handler;
  }

  void OnRequestDone(const RequestSummary& summary) override {
    kept_at_end_ = {kept_[0].use_count(), kept_[1].use_count()};
    Note(summary);
  }
  void OnStreamTaken(const RequestSummary& summary) override { Note(summary); }
  void Note(const RequestSummary& summary) {
    EXPECT_NE(summary.peer, nullptr);
    done_.push_back({summary.status, std::string(summary.route),
                     summary.request != nullptr ? std::string(summary.request->method_text()) : "",
                     std::string(summary.error), summary.bytes_sent,
                     summary.duration_ns / 1'000'000, summary.complete,
                     std::string(summary.subject), summary.body_bytes_sent, summary.stream});
  }

  testing::FakeLoop loop_;
  event::TimerWheel timers_{loop_};
  SessionSettings settings_;
  // What /kept keeps, and how many held it when the request was over.
  std::shared_ptr<int> kept_[2] = {std::make_shared<int>(0), std::make_shared<int>(0)};
  std::array<long, 2> kept_at_end_{};
  std::unique_ptr<SessionSet> sessions_ =
      std::make_unique<SessionSet>(SessionEnvironment{loop_, timers_, *this, settings_}, 100);

  std::vector<Done> done_;
  std::string log_;
  std::string answer_at_;  // answer as soon as the body holds this
  std::unique_ptr<net::Stream> taken_;
  Exchange* exchange_ = nullptr;  // of the last handler
  Handler* handler_ = nullptr;
  int live_handlers_ = 0;
  int dispatched_ = 0;
  bool in_read_body_ = false;
};

}  // namespace sluice::server
